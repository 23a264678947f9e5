"""Validators die in the middle of the scene: with three it goes on, with two it waits and loses nothing."""

import pytest
from playwright.sync_api import expect

from salus.demo.cast import VALIDATORS
from tests.flows.conftest import Cast
from tests.flows.people import SLOW_MS, Clinician, Patient
from tests.flows.scene import ask, ask_and_approve, transactions

# The web server asks validators in this order: the first is the hardest to lose.
FIRST, SECOND, THIRD, FOURTH = VALIDATORS
WAITS_MS = 60_000


def stop_again(cast: Cast, patient: Patient, doctor: Clinician, request_id: str) -> None:
    patient.stop(patient.consent_of(request_id)["consent_id"], cast.pin(patient))
    doctor.wait_for_state("revoked")


@pytest.mark.parametrize("victim", [FIRST, THIRD])
def test_the_scene_goes_on_when_a_validator_dies_between_request_and_approval(
    breakable: Cast, victim: str
) -> None:
    patient, doctor = breakable.li_mei(), breakable.dr_okafor()
    request_id = ask(doctor, patient, breakable)
    breakable.consortium.kill(victim)
    patient.open_request(request_id)
    patient.approve()
    doctor.wait_until_open(WAITS_MS)
    expect(patient.page.locator("#request")).to_contain_text("3 of 4 hospitals signed block")
    stop_again(breakable, patient, doctor, request_id)


def test_the_scene_goes_on_when_a_validator_dies_between_approval_and_opening(breakable: Cast) -> None:
    patient, doctor, consortium = breakable.li_mei(), breakable.dr_okafor(), breakable.consortium
    request_id = ask(doctor, patient, breakable)
    patient.open_request(request_id)
    consortium.pause(FIRST, SECOND)  # so that the approval is surely not committed yet
    patient.approve()
    doctor.wait_for_state("signed")
    consortium.kill(FIRST)
    consortium.resume(SECOND)
    doctor.wait_until_open(WAITS_MS)
    stop_again(breakable, patient, doctor, request_id)


def test_with_two_validators_dead_the_approval_waits_and_goes_through_when_one_returns(
    breakable: Cast,
) -> None:
    patient, doctor, consortium = breakable.li_mei(), breakable.dr_okafor(), breakable.consortium
    regulator = breakable.regulator()
    request_id = ask(doctor, patient, breakable)
    patient.open_request(request_id)
    consortium.kill(FIRST)
    consortium.kill(SECOND)
    patient.approve()
    doctor.wait_for_state("signed")
    expect(patient.page.locator("#request")).to_contain_text("nothing gets lost")
    expect(doctor.page.locator("#chart")).to_be_hidden()
    regulator.goto("/oversight/")
    expect(regulator.page.locator("#live .note.bad")).to_contain_text("The ledger has stopped")
    assert patient.consent_of(request_id)["state"] == "signed"

    consortium.start_validator(FIRST)
    doctor.wait_until_open(WAITS_MS)
    consent = patient.consent_of(request_id)
    assert len(transactions(breakable, "ConsentGranted", consent=consent["consent_id"])) == 1
    stop_again(breakable, patient, doctor, request_id)


def test_with_two_validators_dead_no_key_leaves_and_the_bedside_says_why_until_one_returns(
    breakable: Cast,
) -> None:
    patient, doctor, consortium = breakable.li_mei(), breakable.dr_okafor(), breakable.consortium
    request_id = ask_and_approve(breakable, patient, doctor)
    doctor.wait_until_open(WAITS_MS)
    consortium.kill(FIRST)
    consortium.kill(SECOND)
    doctor.page.reload()  # each opening of the page is an opening of the record
    note = doctor.page.locator("#result .note.bad")
    expect(note).to_contain_text("The hospitals' ledger does not answer.", timeout=SLOW_MS)
    expect(doctor.page.locator("#chart")).to_be_hidden()

    consortium.start_validator(SECOND)
    doctor.wait_until_open(WAITS_MS)
    expect(note).to_have_count(0)
    stop_again(breakable, patient, doctor, request_id)
