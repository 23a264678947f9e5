"""Several hospitals' reports at the bedside, in Chromium: alike once, nothing dropped, abnormal first."""

import base64
import json
from typing import Any

import pytest

from tests.mobile_api.conftest import Tab
from tests.mobile_api.test_pages_in_browser import open_page

__all__ = ["open_page"]

pytestmark = pytest.mark.browser
RIVERSIDE = {"name": "Riverside General", "name_zh": "河滨总医院"}
HARBOUR = {"name": "Harbour", "name_zh": "海港医院"}
ICD10 = "http://hl7.org/fhir/sid/icd-10"
SHOW = """async (records) => {
  const { Chart } = await import("/static/pages/record/chart.js");
  const place = document.createElement("div");
  document.querySelector("main").append(place);
  const chart = new Chart(place, "7K3M-9QXD");
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  for (const [record, source] of records) chart.add(bytes(record), source);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const words = (nodes) => [...nodes].map((node) => node.innerText);
  return {
    name: place.querySelector("h1").textContent,
    lists: Object.fromEntries([...place.querySelectorAll("section")].map((found) =>
      [found.querySelector("h2").textContent, words(found.querySelectorAll("li"))])),
    rows: words(place.querySelectorAll("table:first-of-type tbody th")),
    table: words(place.querySelectorAll("tbody tr")),
    figures: words(place.querySelectorAll("figcaption")),
    shown: chart.shown,
  };
}"""


def show(page: Tab, *records: tuple[dict[str, Any], dict[str, str]]) -> dict[str, Any]:
    """Each record is one resource and the hospital it came from."""
    coded = [[base64.b64encode(json.dumps(body).encode()).decode(), source] for body, source in records]
    told: dict[str, Any] = page.evaluate(SHOW, coded)
    return told


@pytest.fixture
def bedside(open_page: Any) -> Tab:
    page: Tab = open_page("okafor", "/clinician/device/", 1280)
    return page


def condition(since: str, status: str = "active", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "code": {"coding": [{"system": ICD10, "code": "E11.9", "display": "Type 2 diabetes"}]},
        "clinicalStatus": {"coding": [{"code": status}]},
        "onsetDateTime": since,
        **more,
    }


def medicine(dose: str, on: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "medicationCodeableConcept": {"text": "Metformin 500 mg"},
        "dosageInstruction": [{"text": dose}],
        "authoredOn": on,
    }


def result(name: str, value: float, on: str, high: float = 7.0) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "code": {"text": name},
        "effectiveDateTime": on,
        "valueQuantity": {"value": value, "unit": "mmol/L"},
        "referenceRange": [{"high": {"value": high, "unit": "mmol/L"}}],
    }


def test_one_problem_reported_by_two_hospitals_is_one_entry_that_names_both(bedside: Tab) -> None:
    told = show(bedside, (condition("2024-08-26"), RIVERSIDE), (condition("2024-10-16"), HARBOUR))
    [entry] = told["lists"]["Problems"]
    assert "Harbour (16 Oct 2024), Riverside General (26 Aug 2024)" in entry


def test_a_problem_that_only_one_hospital_calls_resolved_stays_two_entries(bedside: Tab) -> None:
    told = show(bedside, (condition("2024-08-26"), RIVERSIDE), (condition("2024-08-26", "resolved"), HARBOUR))
    active, resolved = told["lists"]["Problems"]
    assert ("active" in active, "Riverside" in active) == (True, True)
    assert ("resolved" in resolved, "Harbour" in resolved) == (True, True)


def test_different_doses_of_one_medicine_are_both_shown_each_with_its_hospital(bedside: Tab) -> None:
    told = show(
        bedside,
        (medicine("1 tablet twice daily", "2026-09-08"), HARBOUR),
        (medicine("2 tablets twice daily", "2026-09-02"), RIVERSIDE),
        (medicine("1 tablet twice daily", "2026-06-23"), HARBOUR),
    )
    [entry] = told["lists"]["Medication"]
    lines = entry.splitlines()
    assert lines[lines.index("1 tablet twice daily") + 1] == "Harbour (8 Sept 2026)"
    assert lines[lines.index("2 tablets twice daily") + 1] == "Riverside General (2 Sept 2026)"


def test_a_doubted_problem_is_not_merged_with_a_confirmed_one(bedside: Tab) -> None:
    doubted = condition("2024-08-26", verificationStatus={"coding": [{"code": "unconfirmed"}]})
    told = show(bedside, (condition("2024-08-26"), RIVERSIDE), (doubted, HARBOUR))
    assert len(told["lists"]["Problems"]) == 2
    assert "unconfirmed" in told["lists"]["Problems"][1]


def test_entries_without_code_and_words_are_never_taken_for_the_same(bedside: Tab) -> None:
    bare = {"resourceType": "Condition", "clinicalStatus": {"coding": [{"code": "active"}]}}
    assert len(show(bedside, (bare, RIVERSIDE), (bare, HARBOUR))["lists"]["Problems"]) == 2


def test_abnormal_results_and_their_trends_come_first_with_their_hospital(bedside: Tab) -> None:
    told = show(
        bedside,
        (result("Potassium", 4.1, "2026-09-09"), RIVERSIDE),
        (result("Potassium", 4.3, "2026-03-09"), HARBOUR),
        (result("Glucose", 9.8, "2026-09-01"), HARBOUR),
        (result("Glucose", 6.1, "2026-03-01"), RIVERSIDE),
    )
    assert told["rows"][:2] == ["Glucose", "Potassium"]
    assert told["figures"] == ["Glucose (mmol/L)", "Potassium (mmol/L)"]
    assert "Harbour" in told["table"][0]
    assert "Riverside General" in told["table"][1]
    assert told["shown"] == 4


def test_no_earlier_value_is_dropped(bedside: Tab) -> None:
    words = {"resourceType": "Observation", "code": {"text": "Urine culture"}}
    told = show(
        bedside,
        (words | {"effectiveDateTime": "2026-09-09", "valueString": "no growth"}, RIVERSIDE),
        (words | {"effectiveDateTime": "2026-03-09", "valueString": "E. coli"}, HARBOUR),
    )
    bedside.evaluate("document.querySelector('details.earlier').open = true")
    assert "1 earlier value" in bedside.inner_text("main")
    assert "E. coli" in bedside.inner_text("details.earlier")
    assert "no growth" in told["table"][0]


@pytest.mark.parametrize(
    ("language", "expected"), [("en", "Li Mei 李梅"), ("zh-hans", "李梅 Li Mei")], ids=["en", "zh"]
)
def test_a_name_follows_the_order_of_its_language(open_page: Any, language: str, expected: str) -> None:
    page = open_page("okafor", "/clinician/device/", 1280, language)
    names = [{"family": "Li", "given": ["Mei"]}, {"text": "李梅"}]
    told = show(page, ({"resourceType": "Patient", "name": names}, RIVERSIDE))
    other = page.inner_text(".chart-name")
    assert f"{told['name']} {other}" == expected


def test_the_text_of_a_name_goes_before_its_parts(bedside: Tab) -> None:
    name = {"text": "Dr Amina Diallo", "family": "Diallo", "given": ["Amina"]}
    assert (
        show(bedside, ({"resourceType": "Patient", "name": [name]}, RIVERSIDE))["name"] == "Dr Amina Diallo"
    )


def test_a_western_name_keeps_the_given_name_in_front(bedside: Tab) -> None:
    name = {"family": "Diallo", "given": ["Amina"]}
    assert show(bedside, ({"resourceType": "Patient", "name": [name]}, RIVERSIDE))["name"] == "Amina Diallo"


def test_on_paper_the_record_stays_and_the_controls_go(bedside: Tab) -> None:
    show(bedside, (condition("2024-08-26"), RIVERSIDE))
    bedside.emulate_media(media="print")
    assert bedside.is_visible("text=Type 2 diabetes")
    left = "[...document.querySelectorAll('button, .bar, .foot, .back')].filter((e) => e.checkVisibility())"
    assert bedside.evaluate(f"{left}.length") == 0
    bedside.emulate_media(media="screen")
    assert bedside.evaluate(f"{left}.length") > 0
