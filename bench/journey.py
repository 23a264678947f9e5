"""`python -m bench.journey [RUNS]`: from the patient's approve tap to the first paint at the bedside.

A self-held patient grants 20 records, one of them 60 KB and drawn first; patient and doctor are two contexts
of one Chromium; four validators, six folder providers and the web server run on the same machine, as
`make up` starts them. The tap is made with the request on the screen and its keys opened, as they are while
a person reads it. Stages are marks of the pages themselves (performance.mark), on one clock.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from bench.common import foreign_load, percentile, report
from tests.flows.consortium import ROOT, Consortium
from tests.flows.people import DESK, PHONE, Clinician, Patient, chromium

YEAR = 2010
RECORDS = 20
SHOWN_BYTES = 60_000
BETWEEN_ASKS_S = 2.1  # a requester may ask 30 times a minute

# (stage, mark at its end, on whose page), in order of time.
STAGES = (
    ("sign", "approve-signed", "patient"),
    ("commit_consent", "grant-told", "doctor"),
    ("check_grant", "grant-checked", "doctor"),
    ("commit_opening", "keys-here", "doctor"),
    ("fetch_decrypt_paint", "first-paint-record", "doctor"),
)
WALL_MARKS = """() => Object.fromEntries(performance.getEntriesByType("mark")
  .map((mark) => [mark.name, performance.timeOrigin + mark.startTime]))"""


def records(patient_identifier: dict[str, str]) -> dict[str, Any]:
    """A Bundle of exactly RECORDS records in YEAR: an allergy of 60 KB and a result on each other day."""
    patient = {"resourceType": "Patient", "identifier": [patient_identifier]}
    text = base64.b64encode(os.urandom(SHOWN_BYTES * 3 // 4)).decode()
    allergy = {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"},
        "code": {"text": "Latex"},
        "recordedDate": f"{YEAR}-01-01",
        "note": [{"text": text}],
    }
    results = [
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "Body weight"},
            "subject": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"},
            "effectiveDateTime": f"{YEAR}-02-{day:02}",
            "valueQuantity": {"value": 60 + day, "unit": "kg"},
        }
        for day in range(1, RECORDS)
    ]
    resources = [patient, allergy, *results]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:00000000-0000-4000-8000-{number:012}",
                "resource": resource,
                "request": {"method": "POST", "url": resource["resourceType"]},
            }
            for number, resource in enumerate(resources, 1)
        ],
    }


def manage(consortium: Consortium, *command: str) -> str:
    """Run one of the demo's own commands and return what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**os.environ, **consortium.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"manage.py {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def load(consortium: Consortium, code: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(records({"system": "https://bench.example/ids", "value": "1"}), file)
        file.flush()
        manage(consortium, "ingest", file.name, "--organisation", "riverside", "--patient", code)


def ask(doctor: Clinician, code: str) -> None:
    """Ask for exactly the bench's records, by the form's details."""
    page = doctor.page
    page.goto(f"{doctor.origin}/clinician/")
    page.locator("#code").fill(code)
    page.locator("details summary").first.click()
    for box in page.locator("[name=types]").all():
        box.set_checked(box.get_attribute("value") in ("AllergyIntolerance", "Observation"))
    page.locator("[name=from]").fill(f"{YEAR}-01-01")
    page.locator("[name=to]").fill(f"{YEAR}-12-31")
    page.locator("[name=reason]").fill("Before surgery")
    page.locator("[name=preset][value='']").click()
    page.wait_for_url("**/clinician/requests/*/")


def once(patient: Patient, doctor: Clinician, code: str) -> dict[str, float]:
    """One approval; returns the stages in milliseconds and their total."""
    ask(doctor, code)
    patient.page.goto(f"{patient.origin}/patient/")
    patient.wait_for_request()
    patient.open_request()
    patient.ready_to_approve()
    time.sleep(0.5)  # a person reads longer; the pages' own start-up work is over by then
    patient.page.locator("#approve").click()
    wait_for_mark(doctor.page, "first-paint-record")
    return stages(patient.page, doctor.page)


def wait_for_mark(page: Page, name: str, timeout_s: float = 30) -> None:
    """Ask now and then, seldom enough not to disturb; the pages' policy forbids a watching script."""
    deadline = time.monotonic() + timeout_s
    while not page.evaluate("(name) => performance.getEntriesByName(name).length", name):
        if time.monotonic() > deadline:
            raise SystemExit(
                f"the mark {name} did not come; the bedside says: {page.inner_text('#main')[:300]}"
            )
        time.sleep(0.25)


def stages(patient: Page, doctor: Page) -> dict[str, float]:
    marks = {"patient": patient.evaluate(WALL_MARKS), "doctor": doctor.evaluate(WALL_MARKS)}
    started = at = marks["patient"]["approve-tap"]
    found = {}
    for stage, mark, whose in STAGES:
        found[stage] = marks[whose][mark] - at
        at = marks[whose][mark]
    return {**found, "approve_to_read": at - started}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    load_before = foreign_load()
    with tempfile.TemporaryDirectory(prefix="salus-bench-") as folder, chromium() as browser:
        consortium = Consortium(Path(folder) / "home").start()
        try:
            patient = Patient(consortium, browser, "li-mei", PHONE)
            doctor = Clinician(consortium, browser, "dr-okafor", DESK)
            patient.sign_in()
            patient.set_up("self")
            code = patient.code()
            load(consortium, code)
            doctor.sign_in()
            doctor.register_device()
            measured = []
            for number in range(runs + 1):
                began = time.monotonic()
                found = once(patient, doctor, code)
                if number:  # the first run warms caches and is not counted
                    measured.append(found)
                print(f"\r{number}/{runs}  {found['approve_to_read']:.0f} ms ", end="", file=sys.stderr)
                time.sleep(max(0.0, BETWEEN_ASKS_S - (time.monotonic() - began)))
        finally:
            consortium.stop()
    print(file=sys.stderr)
    figures = {
        f"{name}_ms_p{int(share * 100)}": percentile([run[name] for run in measured], share)
        for name in measured[0]
        for share in (0.5, 0.99)
    }
    report("journey", figures, runs=runs, load=load_before)


if __name__ == "__main__":
    main()
