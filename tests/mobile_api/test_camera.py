"""The patient's code by camera: Chromium plays a film of it into the bedside page; typing always remains."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import segno

from tests.browser import MISSING, find
from tests.mobile_api.conftest import Chromium, Tab, World, signed_in
from tests.wallet.conftest import CHAIN
from wallet import api as wallet

pytestmark = pytest.mark.browser
WIDTH, HEIGHT, SCALE = 640, 480, 10
FAKE = "--use-fake-device-for-media-stream"
PATIENCE_MS = 15_000
PICTURES_CAME = """async () => {
  const video = document.getElementById("video");
  while (!video.videoWidth) await new Promise((resolve) => setTimeout(resolve, 50));
}"""


def film(path: Path, text: str) -> Path:
    """A Y4M film (YUV 4:2:0) of a QR code in the middle of a grey room."""
    grey, rows = 128, [bytearray([128]) * WIDTH for _ in range(HEIGHT)]
    modules = list(segno.make(text, error="m").matrix_iter(scale=SCALE, border=4))
    top, left = (HEIGHT - len(modules)) // 2, (WIDTH - len(modules)) // 2
    for y, row in enumerate(modules):
        rows[top + y][left : left + len(row)] = bytes(20 if dark else 235 for dark in row)
    picture = b"".join(rows) + bytes([grey]) * (WIDTH * HEIGHT // 2)
    header = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(header + (b"FRAME\n" + picture) * 2)
    return path


@pytest.fixture
def bedside(tmp_path: Path, live_server: Any, world: World, settings: Any) -> Iterator[Callable[..., Tab]]:
    """`bedside(*flags)`: Dr Okafor's page in a Chromium with these flags, on a device that is registered."""
    settings.SALUS_LEDGER_GENESIS = tmp_path / "genesis.json"
    settings.SALUS_LEDGER_GENESIS.write_text(
        json.dumps({"chain_id": CHAIN, "genesis_time": "2026-01-01T00:00:00Z", "validators": []})
    )
    path = find()
    assert path is not None, MISSING
    started: list[Chromium] = []

    def opened(*flags: str) -> Tab:
        chromium = Chromium(str(path), *flags)
        started.append(chromium)
        cookies = {"sessionid": signed_in(world, "okafor").cookies["sessionid"].value}
        page = chromium.open(f"{live_server.url}/clinician/device/", cookies, 1280)
        page.click("#register")
        page.wait_for_selector("#steps .badge.ok >> nth=1")
        world.settle()
        page.reload()
        page.wait_for_url("**/clinician/")
        return page

    yield opened
    for chromium in started:
        chromium.close_all()
        chromium.quit()


def test_a_scanned_code_is_read_and_the_patient_is_asked(
    bedside: Callable[..., Tab], world: World, tmp_path: Path
) -> None:
    code = world.code("li-mei")
    seen = film(tmp_path / "code.y4m", f"salus:{code}")
    page = bedside(FAKE, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={seen}")
    page.click("#scan")
    page.wait_for_selector("#scan-note .note.ok", timeout=PATIENCE_MS)
    assert page.input_value("#code") == code
    assert page.evaluate("document.activeElement.name") == "preset", "the next key press asks"
    assert page.evaluate("document.getElementById('video').srcObject") is None, "the camera is off again"
    page.click("[name=preset][value=ward]")
    page.wait_for_url("**/clinician/requests/*/", timeout=PATIENCE_MS)
    [asked] = wallet.requests_for_patient(person_id=world.people["li-mei"].id)
    assert (asked.state, asked.document["purpose"]) == ("requested", "TREAT")


def test_a_foreign_qr_code_is_not_taken_for_a_patient(bedside: Callable[..., Tab], tmp_path: Path) -> None:
    seen = film(tmp_path / "code.y4m", "https://mallory.example/7K3M-9QXD")
    page = bedside(FAKE, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={seen}")
    page.click("#scan")
    page.evaluate(PICTURES_CAME)
    page.wait_for_timeout(1000)
    assert page.input_value("#code") == ""
    page.click("#stop-scan")
    page.wait_for_selector("#camera", state="hidden")
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_a_denied_camera_is_said_and_typing_works(bedside: Callable[..., Tab], world: World) -> None:
    page = bedside(FAKE, "--deny-permission-prompts")
    page.click("#scan")
    page.wait_for_selector("#scan-note .note.bad", timeout=PATIENCE_MS)
    assert "The camera is not allowed for this page. Type the code instead." in page.inner_text("#scan-note")
    assert page.is_hidden("#camera")
    assert page.evaluate("document.activeElement.id") == "code"
    page.fill("#code", world.code("amina-diallo").lower().replace("-", ""))
    page.click("[name=preset][value=consultation]")
    page.wait_for_url("**/clinician/requests/*/", timeout=PATIENCE_MS)
    assert len(wallet.requests_for_patient(person_id=world.people["amina-diallo"].id)) == 1
