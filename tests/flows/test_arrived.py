"""New records on the patient's page: mine, or not mine."""

from playwright.sync_api import expect

from tests.flows.conftest import Cast
from tests.flows.people import PIN, Patient
from tests.flows.scene import transactions

OTHER_PIN = "970352"


def answers(patient: Patient) -> dict[str, str]:
    """The patient's word on each record, by record id."""
    return {one["record_id"]: one["answer"] for one in patient.get_json("/api/patient/records")}


def acknowledged(cast: Cast) -> int:
    """How many records patients have acknowledged on the ledger."""
    return sum(len(one["anchors"]) for one in transactions(cast, "RecordAcknowledged"))


def confirm(patient: Patient, pin: str) -> None:
    patient.page.locator("#pin-form [name=pin]").fill(pin)
    patient.page.locator("#pin-form [type=submit]").click()


def wait_until(patient: Patient, subject: str, anchored: set[str]) -> None:
    """Until the page shows these records as acknowledged on the ledger."""
    expect(patient.page.locator(f"[data-arrived='{subject}']")).to_have_count(0)
    for _ in range(200):
        told = answers(patient)
        if {told[record] for record in anchored} == {"acknowledged"}:
            return
        patient.page.wait_for_timeout(50)
    raise AssertionError(f"not acknowledged: {told}")


def test_phone_signs_for_what_is_mine_and_not_for_what_is_not(cast: Cast) -> None:
    patient, before = cast.li_mei(), acknowledged(cast)
    patient.be_at_home()
    card = patient.page.locator("[data-arrived]").first
    subject = card.get_attribute("data-arrived")
    assert subject is not None
    arrived = next(
        each for each in patient.get_json("/api/patient/records/new") if each["subject"] == subject
    )
    records = [one["record_id"] for one in arrived["records"]]
    card.locator("details").first.locator("summary").click()
    button = card.locator("details").first.locator("[data-not-mine]").first
    wrong = button.get_attribute("data-not-mine")
    assert wrong in records
    button.click()
    expect(patient.page.locator("#arrived-result .note.ok")).to_contain_text("not yours")
    assert answers(patient)[wrong] == "disputed"
    assert acknowledged(cast) == before

    patient.page.locator(f"[data-mine='{subject}']").click()
    mine = set(records) - {wrong}
    expect(patient.page.locator("#arrived-result .note.ok")).to_contain_text(f"{len(mine)} record")
    wait_until(patient, subject, mine)
    assert answers(patient)[wrong] == "disputed"
    assert acknowledged(cast) == before + len(mine)


def test_custodial_patient_signs_with_the_pin_and_not_with_a_wrong_one(cast: Cast) -> None:
    patient, before = cast.amina(), acknowledged(cast)
    patient.be_at_home()
    patient.choose_language("zh-hans")
    card = patient.page.locator("[data-arrived]").first
    expect(card).to_contain_text("份新记录")
    subject = card.get_attribute("data-arrived")
    assert subject is not None
    waiting = {record for record, answer in answers(patient).items() if not answer}
    patient.page.locator(f"[data-mine='{subject}']").click()
    confirm(patient, OTHER_PIN)
    expect(patient.page.locator("#arrived-result .note.bad")).to_be_visible()
    assert acknowledged(cast) == before
    patient.page.locator(f"[data-mine='{subject}']").click()
    confirm(patient, PIN)
    expect(patient.page.locator("#arrived-result .note.ok")).to_contain_text("您已确认")
    wait_until(patient, subject, waiting)
    assert acknowledged(cast) == before + len(waiting)
    patient.choose_language("en")
