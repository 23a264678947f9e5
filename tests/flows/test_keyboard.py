"""The whole scene without a mouse or a finger: Tab, Enter, Space and typing only."""

from playwright.sync_api import Page, expect

from tests.flows.conftest import Cast
from tests.flows.people import SLOW_MS
from tests.flows.scene import EN

MOST_TABS = 60


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, and see that the focus shows."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            shown = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert shown == "solid", f"the focus on {selector} cannot be seen"
            return
    raise AssertionError(f"{selector} cannot be reached with {MOST_TABS} presses of Tab")


def press(page: Page, selector: str, key: str = "Enter") -> None:
    tab_to(page, selector)
    page.keyboard.press(key)


def test_the_whole_scene_is_played_with_the_keyboard_alone(cast: Cast) -> None:
    patient, doctor = cast.li_mei(), cast.dr_okafor()
    doctor.goto("/clinician/")
    doctor.choose_language("en")
    patient.be_at_home()

    # Asked.
    tab_to(doctor.page, "#code")
    doctor.page.keyboard.type(cast.code(patient))
    press(doctor.page, "[name=preset][value=ward]")
    doctor.page.wait_for_url("**/clinician/requests/*/", timeout=SLOW_MS)
    request_id = doctor.page.url.rstrip("/").rpartition("/")[2]

    # Narrowed by one switch, then approved; the reader is taken to the outcome.
    patient.wait_for_request(request_id)
    press(patient.page, f"[data-request='{request_id}'] a")
    patient.ready_to_approve()
    press(patient.page, "input[name^='Immunization/']", "Space")
    patient.ready_to_approve()
    expect(patient.page.locator("input[name^='Immunization/']")).not_to_be_checked()
    press(patient.page, "#approve")
    expect(patient.page.locator("#request .note.ok")).to_be_visible(timeout=SLOW_MS)
    assert patient.page.evaluate("document.activeElement.id") == "request"

    # Opened by itself; the count is true once all is read.
    doctor.wait_until_open()
    consent = patient.consent_of(request_id)
    count = f"{consent['record_count']} of {consent['record_count']} records shown"
    expect(doctor.page.locator("#count")).to_have_text(count, timeout=SLOW_MS)
    expect(doctor.page.locator("#chart").get_by_role("heading", name=EN.vaccinations)).to_have_count(0)

    # Stopped.
    press(patient.page, "#request a[role=button]")
    expect(patient.page.locator("#link-state[data-state=open]")).to_be_attached(timeout=SLOW_MS)
    press(patient.page, f"[data-stop='{consent['consent_id']}']")
    doctor.wait_for_state("revoked")
