"""`python -m tests.flows.screenshots`: plays the scene and keeps every page's picture in docs/img.

Each page at two sizes, `<page>-phone.png` and `<page>-desktop.png`.
Request and bedside also in Chinese (`-zh`). `scene.png` shows phone and bedside side by side.
"""

import base64
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.flows.conftest import Cast
from tests.flows.consortium import ROOT, Consortium
from tests.flows.people import DESK, PHONE, SLOW_MS, Clinician, Patient, Someone, chromium
from tests.flows.scene import EN, ZH, Words, wait_for_chart

IMG = ROOT / "docs" / "img"
SIZES = {"phone": PHONE, "desktop": DESK}
SCENE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 32px; background: #e4ecea; display: flex; gap: 32px; width: max-content }}
img {{ display: block; border-radius: 12px; box-shadow: 0 6px 24px #0004 }}
.phone {{ height: 760px; border: 10px solid #222; border-radius: 32px }} .desk {{ height: 760px }}
</style><img class="phone" src="{phone}"><img class="desk" src="{desk}">"""


def picture(someone: Someone, name: str, *, whole: bool = False) -> None:
    """The page as it is now, at both sizes; `whole`: all of its length, else what the screen shows."""
    kept = someone.page.viewport_size
    for size, viewport in SIZES.items():
        someone.page.set_viewport_size(viewport)  # type: ignore[arg-type]
        someone.page.wait_for_timeout(250)  # charts draw themselves anew
        someone.page.screenshot(path=IMG / f"{name}-{size}.png", full_page=whole, scale="css")
    if kept:
        someone.page.set_viewport_size(kept)


def settled_chart(doctor: Clinician, words: Words) -> None:
    doctor.wait_until_open()
    wait_for_chart(doctor, words.problems, words.medication, words.results, words.images)
    doctor.page.wait_for_timeout(500)


def first_visits(cast: Cast) -> None:
    """The pages before anything is asked."""
    newcomer = Patient(cast.consortium, cast.browser, "li-mei", PHONE)
    cast.present["newcomer"] = newcomer
    newcomer.goto("/")
    picture(newcomer, "welcome")
    newcomer.sign_in()
    newcomer.goto("/patient/set-up/")
    picture(newcomer, "set-up")
    device = Clinician(cast.consortium, cast.browser, "dr-okafor", DESK)
    cast.present["device"] = device
    device.sign_in()
    device.goto("/clinician/device/")
    picture(device, "device")


def the_scene(cast: Cast, words: Words, suffix: str = "") -> str:
    """From the request to the open record; returns the request's id."""
    patient, doctor = cast.li_mei(), cast.dr_okafor()
    doctor.goto("/clinician/")
    doctor.page.locator("#code").fill(cast.code(patient))
    if not suffix:
        picture(doctor, "ask")
    patient.be_at_home()
    request_id = doctor.ask(cast.code(patient))
    patient.wait_for_request(request_id)
    if not suffix:
        picture(patient, "home-ringing")
        picture(doctor, "waiting")
    patient.open_request(request_id)
    picture(patient, f"request{suffix}", whole=True)
    if not suffix:
        patient.page.screenshot(path=IMG / "scene-phone.png", scale="css")
    patient.approve()
    settled_chart(doctor, words)
    picture(doctor, f"bedside{suffix}", whole=True)
    return request_id


def afterwards(cast: Cast, request_id: str) -> None:
    """What the patient, the regulator, the insurer and the hospital see later."""
    patient, doctor = cast.li_mei(), cast.dr_okafor()
    expect(patient.page.locator("#request")).to_contain_text(EN.signed)
    picture(patient, "approved")
    patient.goto("/patient/looked/")
    patient.page.locator("[data-proof]").first.click()
    expect(patient.page.locator("#live")).to_contain_text(EN.signed)
    picture(patient, "looked")
    patient.goto("/patient/settings/")
    picture(patient, "settings")
    patient.goto("/patient/")
    patient.page.locator("#h-records + details, section:has(#h-records) details").first.click()
    picture(patient, "home")
    patient.page.locator("section:has(#h-records) details[open] a").first.click()
    expect(patient.page.locator("#chart")).to_be_visible(timeout=SLOW_MS)
    picture(patient, "record")
    patient.stop(patient.consent_of(request_id)["consent_id"])
    doctor.wait_for_state("revoked")
    picture(doctor, "stopped")


def the_insurer(cast: Cast) -> None:
    patient, insurer = cast.li_mei(), cast.insurer()
    patient.be_at_home()
    insurer.goto("/insurer/")
    insurer.page.locator("[name=patient_code]").fill(cast.code(patient))
    insurer.page.locator("[name=reason]").fill("The bill of your last stay")
    insurer.page.locator("form.panel [type=submit]").click()
    patient.wait_for_request()
    patient.open_request()
    patient.approve()
    link = insurer.page.locator("#live a[role=button]").first
    expect(link).to_be_visible(timeout=SLOW_MS)
    picture(insurer, "insurer")
    link.click()
    insurer.page.wait_for_url("**/insurer/claims/*/", wait_until="load")
    insurer.page.locator("#read").click()
    expect(insurer.page.locator("#claims .panel").first).to_be_visible(timeout=SLOW_MS)
    picture(insurer, "claims")


def the_others(cast: Cast) -> None:
    regulator = cast.regulator()
    regulator.goto("/oversight/")
    picture(regulator, "oversight")
    regulator.page.locator("tbody th a").first.click()
    regulator.page.wait_for_url("**/oversight/blocks/*/")
    picture(regulator, "block")
    regulator.goto("/oversight/validators/")
    picture(regulator, "validators")
    regulator.goto("/oversight/")
    holds_some = regulator.page.locator("td[data-title=Transactions]", has_text=re.compile("^[1-9]"))
    regulator.page.locator("tbody tr").filter(has=holds_some).first.locator("th a").click()
    regulator.page.locator("section.card dd.hash a").first.click()
    regulator.page.wait_for_url("**/oversight/transactions/*/")
    picture(regulator, "transaction")
    desk = Someone(cast.consortium, cast.browser, "ravi-menon", DESK)
    cast.present["ravi-menon"] = desk
    desk.sign_in()
    picture(desk, "desk")


def in_chinese(cast: Cast) -> None:
    for someone in (cast.li_mei(), cast.dr_okafor()):
        someone.goto("/")
        someone.choose_language("zh-hans")
    the_scene(cast, ZH, "-zh")


def side_by_side(browser: Browser, phone: Path, desk: Path) -> None:
    """The README's picture, composed by a page of its own."""
    inline = {
        name: "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
        for name, path in {"phone": phone, "desk": desk}.items()
    }
    page = browser.new_page(viewport={"width": 1720, "height": 844})
    page.set_content(SCENE.format(**inline))
    page.locator("body").screenshot(path=IMG / "scene.png")
    page.close()


@contextmanager
def people(browser: Browser) -> Iterator[Cast]:
    with tempfile.TemporaryDirectory(prefix="salus-pictures-") as folder:
        consortium = Consortium(Path(folder) / "home").start()
        try:
            yield Cast(consortium, browser)
        finally:
            consortium.stop()


def main() -> None:
    IMG.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, people(browser) as cast:
        first_visits(cast)
        request_id = the_scene(cast, EN)
        cast.dr_okafor().page.screenshot(path=IMG / "scene-desk.png", scale="css")
        afterwards(cast, request_id)
        the_insurer(cast)
        the_others(cast)
        in_chinese(cast)
        parts = IMG / "scene-phone.png", IMG / "scene-desk.png"
        side_by_side(browser, *parts)
        for part in parts:
            part.unlink()
        thrown = cast.errors()
    print(f"{len(list(IMG.glob('*.png')))} pictures in {IMG.relative_to(ROOT)}")
    if thrown:
        raise SystemExit("pages threw errors:\n" + "\n".join(thrown))


if __name__ == "__main__":
    main()
