"""Pages in Chromium: hostile records stay text, nothing scrolls sideways, targets are large enough."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.mobile_api.conftest import Chromium, Tab, World, signed_in

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def open_page(chromium: Chromium, live_server: Any, world: World) -> Iterator[Any]:
    """Opens a page as one of the cast: `open_page(name, path, width, language)`."""

    def opened(name: str, path: str, width: int = 390, language: str = "en", *, scripts: bool = True) -> Tab:
        session = signed_in(world, name).cookies["sessionid"].value
        cookies = {"sessionid": session, "django_language": language}
        return chromium.open(f"{live_server.url}{path}", cookies, width, scripts)

    yield opened
    chromium.close_all()


def hostile_bundle() -> bytes:
    """Resources whose every text is an attack."""
    concept = {"text": HOSTILE, "coding": [{"display": HOSTILE, "code": HOSTILE}]}
    resources: list[dict[str, Any]] = [
        {"resourceType": "Patient", "name": [{"text": HOSTILE}, {"text": "李梅"}], "birthDate": "1957-03-14"},
        {
            "resourceType": "AllergyIntolerance",
            "code": concept,
            "reaction": [{"manifestation": [concept], "severity": HOSTILE}],
        },
        {"resourceType": "Condition", "code": concept, "note": [{"text": HOSTILE}], "onsetDateTime": HOSTILE},
        {
            "resourceType": "MedicationRequest",
            "medicationCodeableConcept": concept,
            "dosageInstruction": [{"text": HOSTILE}],
        },
        {"resourceType": "DiagnosticReport", "code": concept, "conclusion": HOSTILE},
        {"resourceType": "Encounter", "type": [concept], "serviceProvider": {"display": HOSTILE}},
        {"resourceType": HOSTILE, "code": concept},
    ]
    for day, value in (("2026-01-01", 6.9), ("2026-02-01", 8.2)):
        quantity = {"value": value, "unit": HOSTILE}
        resources.append(
            {
                "resourceType": "Observation",
                "code": concept,
                "effectiveDateTime": day,
                "valueQuantity": quantity,
                "referenceRange": [{"high": {"value": 7.0, "unit": HOSTILE}}],
            }
        )
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


SHOW = """async ([records]) => {
  const { Chart } = await import("/static/pages/record/chart.js");
  const place = document.createElement("div");
  document.querySelector("main").append(place);
  const chart = new Chart(place, "7K3M-9QXD");
  window.chart = chart;
  for (const record of records) chart.add(Uint8Array.from(atob(record), (c) => c.charCodeAt(0)));
  await new Promise((resolve) => setTimeout(resolve, 400));
  const tags = [...new Set([...place.querySelectorAll("*")].map((e) => e.localName))];
  return { text: place.innerText, tags,
    flags: place.querySelectorAll(".flag-high").length, hidden: place.hidden };
}"""


def shown(page: Tab, *records: bytes) -> dict[str, Any]:
    told: dict[str, Any] = page.evaluate(SHOW, [[base64.b64encode(record).decode() for record in records]])
    return told


def test_hostile_records_are_shown_as_text_and_run_nothing(open_page: Any) -> None:
    page = open_page("okafor", "/clinician/device/", 1280)
    told = shown(page, hostile_bundle())
    assert HOSTILE in told["text"]
    assert "李梅" in told["text"]
    assert not {"img", "script", "iframe", "style", "link"} & set(told["tags"])
    assert told["flags"] == 1
    assert page.evaluate("window.hit") is None


def test_a_closed_chart_leaves_nothing_on_the_page(open_page: Any) -> None:
    page = open_page("okafor", "/clinician/device/", 1280)
    shown(page, hostile_bundle())
    page.evaluate("window.chart.clear()")
    assert HOSTILE not in page.inner_text("body")
    assert page.evaluate("document.querySelectorAll('canvas').length") == 0


def test_a_record_that_cannot_be_read_is_said(open_page: Any) -> None:
    page = open_page("okafor", "/clinician/device/", 1280)
    assert "1 record could not be shown." in shown(page, b"{ not json")["text"]


def test_results_show_unit_range_flag_and_trend(open_page: Any) -> None:
    page = open_page("okafor", "/clinician/device/", 1280)
    observation = {
        "resourceType": "Observation",
        "code": {
            "text": "Hemoglobin A1c",
            "_text": {
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/translation",
                        "extension": [
                            {"url": "lang", "valueCode": "zh"},
                            {"url": "content", "valueString": "糖化血红蛋白"},
                        ],
                    }
                ]
            },
        },
        "referenceRange": [{"low": {"value": 4.0, "unit": "%"}, "high": {"value": 6.0, "unit": "%"}}],
    }
    values = [("2026-01-05", 8.2), ("2026-06-05", 7.1)]
    records = [
        json.dumps(
            observation | {"effectiveDateTime": day, "valueQuantity": {"value": value, "unit": "%"}}
        ).encode()
        for day, value in values
    ]
    told = shown(page, *records)
    for words in ("Hemoglobin A1c", "7.1 %", "↑ high", "4 – 6", "5 Jun 2026"):
        assert words in told["text"]
    assert "canvas" in told["tags"]
    chinese = open_page("okafor", "/clinician/device/", 1280, "zh-hans")
    told = shown(chinese, *records)
    assert "糖化血红蛋白" in told["text"]
    assert "偏高" in told["text"]
    assert "2026年6月5日" in told["text"]


EVERY_PAGE = [
    ("li-mei", "/patient/set-up/"),
    ("amina-diallo", "/patient/"),
    ("amina-diallo", "/patient/looked/"),
    ("amina-diallo", "/patient/settings/"),
    ("okafor", "/clinician/"),
    ("okafor", "/clinician/device/"),
    ("clerk", "/insurer/"),
]
SMALL = """() => [...document.querySelectorAll(
    "button, [role=button], summary, select, input:not([type=hidden])")]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height > 0)
  .filter((e) => !["checkbox", "radio", "range"].includes(e.type) && e.getBoundingClientRect().height < 47.5)
  .map((e) => e.outerHTML.slice(0, 120))"""
PRESELECTED = """async () => {
  const { lines, chosen } = await import("/static/pages/patient/choice.js");
  const record = (id, label) =>
    ({ record_id: id, type: "Condition", label, period_start: "2026-01-01", period_end: "" });
  const records = [record("a", "N"), record("b", "R"), record("c", "X")];
  const dates = { from: null, to: null };
  const asked = { types: ["Condition", "Observation"], dates, duration_s: 60, mode: "view" };
  const found = lines(asked, records);
  const pick = (all) => chosen(asked, records, { lines: all, ...dates, duration_s: 60 });
  const every = pick(found.map((line) => ({ ...line, chosen: true })));
  const first = pick(found);
  return { found, first: first.records.map((r) => r.record_id), ceiling: first.confidentiality,
    all: every.confidentiality };
}"""


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(("name", "path"), EVERY_PAGE)
def test_no_page_scrolls_sideways_and_targets_are_large(
    open_page: Any, amina: World, name: str, path: str, language: str
) -> None:
    # The bedside's scripts lead a browser without keys away from this page.
    page = open_page(name, path, 320, language, scripts=path != "/clinician/")
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(SMALL) == []
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(OVERFLOW) <= 0


def test_weak_pins_are_refused_with_the_reason(open_page: Any) -> None:
    page = open_page("amina-diallo", "/patient/set-up/")
    weak = {"111111": "three different", "123456": "in a row", "654321": "in a row", "12": "six digits"}
    weak |= {"123123": "repeated pattern", "890123": "in a row"}
    for pin, reason in weak.items():
        told = page.evaluate(
            "async (pin) => (await import('/static/pages/patient/weak_pin.js')).weakPin(pin)", pin
        )
        assert reason in told
    strong = page.evaluate(
        "async () => (await import('/static/pages/patient/weak_pin.js')).weakPin('739154')"
    )
    assert strong is None


def test_sensitive_records_are_never_preselected(open_page: Any) -> None:
    page = open_page("amina-diallo", "/patient/set-up/")
    lines = page.evaluate(PRESELECTED)
    assert [(line["sensitive"], line["count"], line["chosen"]) for line in lines["found"]] == [
        (False, 1, True),
        (True, 2, False),
    ]
    assert (lines["first"], lines["ceiling"], lines["all"]) == (["a"], "N", "V")


def test_a_patient_code_is_read_however_it_is_typed(open_page: Any) -> None:
    page = open_page("okafor", "/clinician/device/", 1280)
    read = "async (text) => (await import('/static/pages/clinician/scan.js')).codeIn(text)"
    for typed in ("7K3M-9QXD", " 7k3m9qxd ", "salus:7K3M-9QXD", "7K3M9QXD"):
        assert page.evaluate(read, typed) == "7K3M-9QXD"
    assert page.evaluate(read, "O1IL-9QXD") == "0111-9QXD"
    for wrong in ("", "7K3M", "7K3M-9QXDD", "7K3M-9QXU", "http://mallory.example"):
        assert page.evaluate(read, wrong) is None


def test_reconnecting_waits_longer_each_time_and_never_in_step(open_page: Any) -> None:
    page = open_page("okafor", "/clinician/device/", 1280)
    wait = "async ([n, r]) => (await import('/static/pages/live.js')).waitBefore(n, r)"
    assert page.evaluate(wait, [0, 0.0]) == 250
    assert page.evaluate(wait, [0, 1.0]) == 500
    assert page.evaluate(wait, [30, 1.0]) == 30_000
