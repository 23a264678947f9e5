"""Storage providers destroyed: with two of six gone or lying the record opens right, with three not."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.flows.conftest import Cast
from tests.flows.people import SLOW_MS, Clinician
from tests.flows.scene import EN, ask_and_approve, grey_levels, wait_for_chart


@pytest.fixture
def providers(breakable: Cast, tmp_path: Path) -> Iterator[list[Path]]:
    """The six providers' folders; whatever a test does to them is undone afterwards."""
    storage, kept = breakable.consortium.home / "storage", tmp_path / "storage"
    shutil.copytree(storage, kept)
    yield [storage / f"provider-{number}" for number in range(1, 7)]
    shutil.rmtree(storage)
    shutil.copytree(kept, storage)


def flip_every_byte(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(bytes(byte ^ 0xFF for byte in file.read_bytes()))


def everything_shown(doctor: Clinician) -> list[str]:
    """All lines of the chart, once every record has arrived."""
    wait_for_chart(doctor, EN.problems, EN.medication, EN.results)
    deadline = time.monotonic() + SLOW_MS / 1000
    while not doctor.page.evaluate("performance.getEntriesByName('all-records').length"):
        assert time.monotonic() < deadline, "the records did not all come"
        doctor.page.wait_for_timeout(100)
    wait_for_chart(doctor, EN.images)
    return sorted(doctor.page.locator("#chart").inner_text().splitlines())


def test_two_destroyed_providers_change_nothing_and_three_show_nothing_wrong(
    breakable: Cast, providers: list[Path]
) -> None:
    patient, doctor = breakable.amina(), breakable.dr_okafor()
    request_id = ask_and_approve(breakable, patient, doctor)
    doctor.wait_until_open()
    whole = everything_shown(doctor)

    shutil.rmtree(providers[0])
    flip_every_byte(providers[1])
    doctor.page.reload()
    doctor.wait_until_open()
    assert everything_shown(doctor) == whole
    assert grey_levels(doctor.page) > 8
    expect(doctor.page.locator("#result .note")).to_have_count(0)

    flip_every_byte(providers[2])
    doctor.page.reload()
    said = doctor.page.locator("#result .note")
    expect(said).to_contain_text("records could not be opened", timeout=SLOW_MS)
    expect(said).to_contain_text("Too few storage providers answer")
    assert doctor.page.locator("#chart li, #chart tbody tr, #chart canvas").count() == 0
    patient.stop(patient.consent_of(request_id)["consent_id"], breakable.pin(patient))
    doctor.wait_for_state("revoked")
