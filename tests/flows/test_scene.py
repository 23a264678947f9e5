"""The scene: a doctor asks at the bedside, the patient's phone rings and approves, the record opens."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.flows.conftest import Cast
from tests.flows.scene import WORDS, ask, grey_levels, section, transactions, wait_for_chart

OWN_OPENING = (Path(__file__).parent / "own_opening.js").read_text()
HOUR_S = 3600
CLOSES_WITHIN_MS = 2000  # from the patient's tap


@pytest.mark.parametrize("locale", ["en", "zh-hans"])
@pytest.mark.parametrize("who", ["li_mei", "amina"])
def test_the_record_opens_at_the_bedside_and_closes_when_the_patient_stops_it(
    cast: Cast, who: str, locale: str
) -> None:
    patient, doctor, words = getattr(cast, who)(), cast.dr_okafor(), WORDS[locale]
    for person in (patient, doctor):
        person.goto("/")
        person.choose_language(locale)

    # It rings on the open home page, over the socket, and names who asks.
    request_id = ask(doctor, patient, cast)
    patient.open_request(request_id)
    shown = patient.text()
    assert "Adaeze Okafor" in shown or "奥卡福" in shown
    assert words.physician in shown
    expect(patient.page.locator(".asker + details .badge.ok")).to_be_visible()

    # The patient narrows: no vaccinations, one hour. The text that is signed says the same.
    before = patient.page.locator(".consent-text").inner_text()
    patient.switch_off("Immunization")
    patient.shorten_to(HOUR_S)
    expect(patient.page.locator(".consent-text")).not_to_have_text(before)
    patient.approve(cast.pin(patient))

    # The bedside page opens by itself and shows what a doctor wants to see.
    doctor.wait_until_open()
    wait_for_chart(doctor, words.problems, words.medication, words.results, words.images)
    assert "李梅" in doctor.text() or "Diallo" in doctor.text()
    assert len(section(doctor.page, words.problems).splitlines()) > 2
    assert re.search(r"\d+ ?mg", section(doctor.page, words.medication))
    results = section(doctor.page, words.results)
    assert re.search(r"\d+(\.\d+)? (%|mmol/L|g/L|mmHg)", results)
    assert re.search(r"20\d\d", results)
    assert grey_levels(doctor.page) > 8

    # What was switched off, and what is sensitive, is not there; nor is its key released.
    consent = patient.consent_of(request_id)
    assert section(doctor.page, words.vaccinations) == ""
    assert not re.search("nfluenza|疫苗|anxiety|焦虑", doctor.text())
    opening = doctor.get_json(f"/api/clinician/consents/{consent['consent_id']}/grant")
    assert "Immunization" not in {found["record"]["type"] for found in opening["records"]}
    assert {found["record"]["label"] for found in opening["records"]} == {"N"}

    # The patient's phone shows the proof that it checked itself.
    expect(patient.page.locator("#request")).to_contain_text(words.signed)
    block = int(words.signed.search(patient.text())[1])  # type: ignore[index]
    [granted] = transactions(cast, "ConsentGranted", consent=consent["consent_id"])
    assert granted["valid_until"] - granted["valid_from"] == HOUR_S * 1000
    assert granted["handles"] == len(opening["records"])
    assert granted["custody"] == ("self" if who == "li_mei" else "custodial")
    assert 1 < block <= cast.consortium.height()

    # Who looked, when, at what.
    patient.goto("/patient/looked/")
    look = patient.page.locator("#live section", has_text=consent["consent_id"])
    expect(look).to_have_count(1)
    expect(look).to_contain_text(words.treatment)
    expect(look).to_contain_text(re.compile("Okafor|奥卡福"))
    expect(look).to_contain_text(str(time.localtime().tm_year))
    look.locator("[data-proof]").click()
    expect(look).to_contain_text(words.signed)

    # Another opening by the same device is served while the permission lives.
    doctor.page.evaluate(OWN_OPENING, {"consent": consent["consent_id"], "request": request_id})
    once_more = doctor.post("/api/clinician/open", {"wire": doctor.page.evaluate("signOpening()")})
    assert once_more.status_code == 200
    assert len(once_more.json()["wraps"]) == 1

    # Stopped: the bedside page closes at once, and the server refuses a new opening.
    patient.stop(consent["consent_id"], cast.pin(patient))
    doctor.wait_for_state("revoked", timeout_ms=CLOSES_WITHIN_MS)
    expect(doctor.page.locator("#chart")).to_be_hidden()
    assert doctor.page.locator("#chart").inner_text() == ""
    refused = doctor.post("/api/clinician/open", {"wire": doctor.page.evaluate("signOpening()")})
    assert refused.status_code == 409
    assert set(refused.json()) == {"error"}
    doctor.page.reload()
    doctor.wait_for_state("revoked")
    assert doctor.page.locator("#chart").inner_text() == ""
    [revoked] = transactions(cast, "ConsentRevoked", consent=consent["consent_id"])
    assert revoked["subject"] == granted["subject"]
    assert len(transactions(cast, "AccessOpened", consent=consent["consent_id"])) == 2
