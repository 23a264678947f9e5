"""The scene in moves: asked, rung, read, approved, opened. And what a bedside page shows, taken apart."""

import re
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect

from tests.flows.conftest import Cast
from tests.flows.people import Clinician, Patient

# How many grey levels the canvas shows: a canvas that nothing was drawn on has one.
LEVELS = """(canvas) => new Set(canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data.filter((_, i) => i % 4 === 0)).size"""


@dataclass(frozen=True)
class Words:
    """What the pages say in one language. Three signatures of four suffice; the fourth may come later."""

    problems: str
    medication: str
    results: str
    images: str
    vaccinations: str
    physician: str
    treatment: str
    signed: re.Pattern[str]
    ledger_down: str


EN = Words(
    problems="Problems",
    medication="Medication",
    results="Results",
    images="Images",
    vaccinations="Vaccinations",
    physician="Physician",
    treatment="Treatment",
    signed=re.compile(r"[34] of 4 hospitals signed block (\d+)"),
    ledger_down="The hospitals' ledger does not answer.",
)
ZH = Words(
    problems="问题",
    medication="用药",
    results="检查结果",
    images="影像",
    vaccinations="疫苗接种",
    physician="医生",
    treatment="治疗",
    signed=re.compile(r"4 家医院中有 [34] 家签署了区块 (\d+)"),
    ledger_down="医院共享账本没有响应。",
)
WORDS = {"en": EN, "zh-hans": ZH}


def ask(doctor: Clinician, patient: Patient, cast: Cast) -> str:
    """The patient's home page is open; the doctor asks; it rings. Returns the request's id."""
    patient.be_at_home()
    request_id = doctor.ask(cast.code(patient))
    patient.wait_for_request(request_id)
    return request_id


def ask_and_approve(cast: Cast, patient: Patient, doctor: Clinician) -> str:
    """From asking to the tap on Approve."""
    request_id = ask(doctor, patient, cast)
    patient.open_request(request_id)
    patient.approve(cast.pin(patient))
    return request_id


def section(page: Page, title: str) -> str:
    """The words of one section of the chart; "" when there is none."""
    found = page.locator("#chart section", has=page.get_by_role("heading", name=title, exact=True))
    return found.first.inner_text() if found.count() else ""


def wait_for_chart(doctor: Clinician, *titles: str) -> None:
    """Wait until these sections are drawn: records are painted as they come."""
    for title in titles:
        heading = doctor.page.locator("#chart").get_by_role("heading", name=title, exact=True)
        expect(heading.first).to_be_visible(timeout=30_000)


def grey_levels(page: Page) -> int:
    canvas = page.locator("#chart canvas[role=img]")
    expect(canvas).to_be_visible(timeout=30_000)
    return int(canvas.evaluate(LEVELS))


def transactions(cast: Cast, kind: str, **fields: Any) -> list[dict[str, Any]]:
    """The committed transactions of one type whose fields have these values."""
    return [
        body
        for body in cast.consortium.committed()
        if body["type"] == kind and all(body.get(name) == value for name, value in fields.items())
    ]
