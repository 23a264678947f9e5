"""The phone keeps working while its ledger's validators come and go: real network, votes and browser."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ledger.api import devnet_nodes
from ledger.node.devnet import init_newcomer
from salus.demo.cast import ORGANISATIONS, VALIDATORS
from tests.flows.conftest import Cast
from tests.flows.consortium import ROOT, Consortium
from tests.flows.people import SLOW_MS, Patient
from tests.flows.scene import ask_and_approve
from tests.free_ports import free_ports

pytestmark = pytest.mark.browser
HOSPITALS = [each.slug for each in ORGANISATIONS if each.kind == "hospital"]
LEAVER = "harbour"
KEPT = """() => localStorage[Object.keys(localStorage).find((key) => key.startsWith("salus.blocks."))]"""
OTHER_FOUNDERS = """() => Object.keys(localStorage).filter((key) => key.startsWith("salus.trust."))
  .forEach((key) => { localStorage[key] = "00".repeat(32); })"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Cast]:
    """A consortium of this module's own: afterwards its validators are others."""
    consortium = Consortium(tmp_path_factory.mktemp("changing") / "home").start()
    cast = Cast(consortium, browser)
    yield cast
    cast.leave()
    consortium.stop()


def agree(consortium: Consortium, *change: str) -> None:
    """Propose by command and let every hospital vote for it."""
    as_first = ("--as", HOSPITALS[0])
    told = consortium.manage("governance", "propose", *change, *as_first, "--yes")
    assert told.returncode == 0, told.stderr
    found = re.search(r"Proposed in block \d+: (\S{22})", told.stdout)
    assert found is not None, told.stdout
    for slug in HOSPITALS:
        told = consortium.manage("governance", "vote", found[1], "yes", "--as", slug, "--yes")
        assert told.returncode == 0, told.stderr
    assert "accepted" in told.stdout
    # Blocks more, so that the change decides: a proposal that nobody votes on.
    told = consortium.manage(
        "governance", "propose", "leave", "--validator", VALIDATORS[0], *as_first, "--yes"
    )
    assert told.returncode == 0, told.stderr


@pytest.fixture(scope="module")
def newcomer(own: Cast) -> Iterator[Path]:
    """The home of a fifth node, which runs."""
    folder = own.consortium.home / "ledger"
    nodes = devnet_nodes(folder, VALIDATORS, own.consortium.ledger_port)
    made = init_newcomer(folder, "lakeside", free_ports(10), nodes)
    command = [sys.executable, "-m", "ledger.node", "--home", str(made.node.home)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield made.node.home
        process.terminate()


def known_height(patient: Patient) -> int:
    """Up to which block this phone says that it knows the ledger."""
    place = patient.page.locator("#ledger-age[data-height]")
    expect(place).to_be_attached(timeout=SLOW_MS)
    return int(place.get_attribute("data-height") or 0)


def ask_fresh(patient: Patient, after: int) -> str:
    """Press the button and wait until a newer block is verified; what the card says."""
    patient.page.locator("#ask-fresh").click()
    expect(patient.page.locator("#ask-fresh")).to_be_enabled(timeout=SLOW_MS)
    expect(patient.page.locator("#ledger-age .note.bad")).to_have_count(0)
    assert known_height(patient) > after
    return patient.page.locator("#ledger-age").inner_text()


def test_the_phone_says_how_old_its_knowledge_is_and_gets_fresh_one(own: Cast) -> None:
    patient = own.li_mei()
    patient.be_at_home()
    before = known_height(patient)
    said = ask_fresh(patient, before)
    assert re.search(r"This phone knows the ledger as it was \d seconds? ago\.", said)
    assert re.search(r"[34] of 4 hospitals signed block \d+\. Checked on this phone\.", said)
    after = known_height(patient)
    patient.page.locator("#ask-fresh").click()  # within ten seconds: the last block serves
    expect(patient.page.locator("#ask-fresh")).to_be_enabled(timeout=SLOW_MS)
    assert known_height(patient) == after


def test_the_phone_works_on_after_a_validator_joined_and_another_left(own: Cast, newcomer: Path) -> None:
    patient, doctor, consortium = own.li_mei(), own.dr_okafor(), own.consortium
    patient.be_at_home()
    before = known_height(patient)
    agree(consortium, "join", "--home", str(newcomer), "--power", "10")
    assert re.search(r"[345] of 5 hospitals signed", ask_fresh(patient, before))
    agree(consortium, "leave", "--validator", LEAVER)
    consortium.kill(LEAVER)

    request_id = ask_and_approve(own, patient, doctor)
    doctor.wait_until_open(60_000)
    expect(patient.page.locator("#request")).to_contain_text(re.compile(r"[34] of 4 hospitals signed block"))

    patient.be_at_home()
    consent = patient.consent_of(request_id)["consent_id"]
    patient.page.locator(f"[data-check='{consent}']").click()
    row = patient.page.locator("li", has=patient.page.locator(f"[data-check='{consent}']"))
    expect(row.locator(".note.ok")).to_contain_text(
        re.compile(r"Given in block \d+, not stopped as of block \d+"), timeout=SLOW_MS
    )
    expect(patient.page.locator("#ledger-age")).not_to_contain_text("started again")
    patient.stop(consent)
    doctor.wait_for_state("revoked")
    assert own.errors() == []


def test_a_new_device_goes_from_the_founders_to_todays_validators(own: Cast, newcomer: Path) -> None:
    """Nothing is kept: it begins at the genesis, one of whose four validators is gone."""
    patient = own.amina()
    patient.be_at_home()
    assert known_height(patient) >= 1
    patient.page.evaluate("localStorage.clear()")
    patient.page.reload()
    assert known_height(patient) >= 1
    expect(patient.page.locator("#ledger-age")).to_contain_text("of 4 hospitals signed block")
    assert patient.page.evaluate(KEPT).count('"signed_header"') >= 2


def test_a_phone_that_was_told_of_other_founders_trusts_nothing(own: Cast, newcomer: Path) -> None:
    patient = own.amina()
    patient.page.evaluate(OTHER_FOUNDERS)
    patient.page.reload()
    expect(patient.page.locator("#ledger-age .note.bad")).to_contain_text("not those that this device knows")
    patient.page.evaluate("localStorage.clear()")
