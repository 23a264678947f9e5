"""The web server is killed (-9) after a signed approval was taken and before the ledger committed it."""

from playwright.sync_api import expect

from salus.demo.cast import VALIDATORS
from tests.flows.conftest import Cast
from tests.flows.scene import ask, transactions

WAITS_MS = 60_000


def test_an_approval_survives_the_web_server_killed_before_the_commit(breakable: Cast) -> None:
    patient, doctor, consortium = breakable.li_mei(), breakable.dr_okafor(), breakable.consortium
    request_id = ask(doctor, patient, breakable)
    patient.open_request(request_id)
    consortium.pause(*VALIDATORS[:2])  # no block can be made
    patient.approve()
    expect(patient.page.locator("#request")).to_contain_text("Signed.")
    consent = patient.consent_of(request_id)
    assert consent["state"] == "signed"
    consortium.kill("web")
    consortium.resume(*VALIDATORS[:2])

    consortium.start_web()
    doctor.wait_until_open(WAITS_MS)
    assert len(transactions(breakable, "ConsentGranted", consent=consent["consent_id"])) == 1
    assert len(transactions(breakable, "AccessOpened", consent=consent["consent_id"])) == 1
    patient.stop(consent["consent_id"])
    doctor.wait_for_state("revoked")
