"""Refused, withdrawn, signed with a wrong PIN, looked at by somebody else: what then happens."""

from playwright.sync_api import expect

from tests.flows.conftest import Cast
from tests.flows.people import PIN
from tests.flows.scene import ask, transactions

OTHER_PIN = "970352"


def granted(cast: Cast) -> int:
    return len(transactions(cast, "ConsentGranted"))


def test_a_refused_request_opens_nothing_and_the_doctor_is_told(cast: Cast) -> None:
    patient, doctor, before = cast.li_mei(), cast.dr_okafor(), granted(cast)
    request_id = ask(doctor, patient, cast)
    patient.open_request(request_id)
    patient.refuse()
    expect(patient.page.locator("#request .note.ok")).to_be_visible()
    doctor.wait_for_state("refused")
    expect(doctor.page.locator("#chart")).to_be_hidden()
    assert granted(cast) == before
    assert patient.get_json(f"/api/patient/requests/{request_id}")["request"]["state"] == "refused"


def test_a_withdrawn_request_can_no_longer_be_answered(cast: Cast) -> None:
    patient, doctor, before = cast.amina(), cast.dr_okafor(), granted(cast)
    request_id = ask(doctor, patient, cast)
    patient.open_request(request_id)
    doctor.page.locator("#withdraw").click()
    doctor.wait_for_state("withdrawn")
    expect(patient.page.locator("#approve")).to_have_count(0)
    narrowing = {"types": None, "records": None, "date_from": None, "date_to": None}
    asked = {"pin": PIN, "locale": "en", "narrowing": {**narrowing, "duration_s": None}}
    late = patient.post(f"/api/patient/requests/{request_id}/approve-custodial", asked)
    assert late.status_code in (400, 409), late.text
    assert granted(cast) == before


def test_a_wrong_pin_signs_nothing_and_the_right_one_still_does(cast: Cast) -> None:
    patient, doctor, before = cast.amina(), cast.dr_okafor(), granted(cast)
    patient.goto("/")
    patient.choose_language("en")
    request_id = ask(doctor, patient, cast)
    patient.open_request(request_id)
    patient.approve(OTHER_PIN)
    expect(patient.page.locator("#result .note.bad")).to_contain_text("The PIN is wrong. Nothing was signed.")
    doctor.page.reload()
    doctor.wait_for_state("requested")
    assert granted(cast) == before
    patient.approve(PIN)
    doctor.wait_until_open()
    assert granted(cast) == before + 1
    patient.stop(patient.consent_of(request_id)["consent_id"], PIN)
    doctor.wait_for_state("revoked")


def test_nobody_sees_the_request_that_another_patient_was_asked(cast: Cast) -> None:
    patient, other, doctor = cast.li_mei(), cast.amina(), cast.dr_okafor()
    request_id = ask(doctor, patient, cast)
    assert other.get(f"/patient/requests/{request_id}/").status_code == 404
    assert other.get(f"/api/patient/requests/{request_id}").status_code == 404
    assert other.post(f"/api/patient/requests/{request_id}/refuse", {}).status_code == 404
    other.be_at_home()
    expect(other.page.locator(f"[data-request='{request_id}']")).to_have_count(0)
    # The request is untouched by all that.
    patient.open_request(request_id)
    doctor.page.locator("#withdraw").click()
    doctor.wait_for_state("withdrawn")
