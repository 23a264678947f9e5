"""The insurer asks for a bill's sake; with the patient's consent it reads claims, and nothing but claims."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.flows.conftest import Cast
from tests.flows.people import SLOW_MS, Someone
from tests.flows.scene import transactions

READ = """async (path) => {
  const answer = await fetch(path, { headers: { Accept: "application/fhir+json" } });
  return { status: answer.status, body: await answer.json() }; }"""


def read(insurer: Someone, path: str) -> tuple[int, dict[str, Any]]:
    """What the insurer's own page is answered."""
    answer = insurer.page.evaluate(READ, path)
    return answer["status"], answer["body"]


@pytest.fixture
def insurer(cast: Cast) -> Someone:
    found = cast.insurer()
    found.goto("/insurer/")
    return found


def test_an_insurer_reads_exactly_the_claims_that_the_patient_opened_to_it(
    cast: Cast, insurer: Someone
) -> None:
    patient = cast.li_mei()
    code = cast.code(patient)
    patient.goto("/")
    patient.choose_language("en")

    # Without a consent: how to ask, and no word more than about a patient whom nobody knows.
    status, before = read(insurer, f"/fhir/ExplanationOfBenefit?patient={code}")
    assert (status, before["resourceType"]) == (403, "OperationOutcome")
    assert "/insurer/" in before["issue"][0]["diagnostics"]
    assert read(insurer, "/fhir/ExplanationOfBenefit?patient=0000-0000") == (403, before)

    # The insurer asks at its desk; the patient's phone rings.
    patient.be_at_home()
    insurer.page.locator("[name=patient_code]").fill(code)
    insurer.page.locator("[name=reason]").fill("The bill of your last stay")
    insurer.page.locator("form.panel [type=submit]").click()
    expect(insurer.page.locator(".note.ok")).to_be_visible()
    patient.wait_for_request()
    patient.open_request()
    assert "Evergreen Mutual" in patient.text()
    assert "The bill of your last stay" in patient.text()
    held = {r["type"].split(".")[0] for r in patient.get_json("/api/patient/records")}
    assert held > {"Claim", "ExplanationOfBenefit"}
    patient.approve()

    # The desk shows the answer by itself; reading writes one line to the ledger, which the patient sees.
    link = insurer.page.locator("#live a[role=button]").first
    expect(link).to_be_visible(timeout=SLOW_MS)
    link.click()
    insurer.page.wait_for_url("**/insurer/claims/*/", wait_until="load")
    insurer.page.locator("#read").click()
    expect(insurer.page.locator("#claims .panel").first).to_be_visible(timeout=SLOW_MS)
    insurer.page.wait_for_load_state("networkidle")
    for kind in ("ExplanationOfBenefit", "Claim"):
        status, found = read(insurer, f"/fhir/{kind}?patient={code}")
        assert (status, found["type"]) == (200, "searchset")
        assert {entry["resource"]["resourceType"] for entry in found["entry"]} == {kind}
        assert found["total"] == len(found["entry"]) > 0
    looks = patient.get_json("/api/patient/looked")
    assert [look["organisation"]["name"] for look in looks[:4]] == ["Evergreen Mutual"] * 4
    assert {r["type"].split(".")[0] for look in looks[:4] for r in look["records"]} == {
        "Claim",
        "ExplanationOfBenefit",
    }

    # Another patient of the same insurer is as closed as before; and stopping closes this one too.
    assert read(insurer, f"/fhir/Claim?patient={cast.code(cast.amina())}") == (403, before)
    consent = next(c for c in patient.get_json("/api/patient/consents") if c["state"] == "active")
    assert len(transactions(cast, "AccessOpened", consent=consent["consent_id"])) == 4
    patient.stop(consent["consent_id"])
    expect(patient.page.locator("#stop-result .note.ok")).to_be_visible()
    assert read(insurer, f"/fhir/ExplanationOfBenefit?patient={code}") == (403, before)
