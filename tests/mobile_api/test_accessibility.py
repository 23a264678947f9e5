"""For eyes, ears and keyboards: contrast in both themes, quiet live regions, focus on the answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.mobile_api.conftest import Tab, World
from tests.mobile_api.test_pages_in_browser import EVERY_PAGE, hostile_bundle, open_page, shown

__all__ = ["open_page"]

pytestmark = pytest.mark.browser
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
# Every tone of note, badge and button that a script may draw, on the page and on a card.
TONES = """async () => {
  const { el, note } = await import("/static/pages/dom.js");
  const tones = ["ok", "warn", "bad"];
  const all = () => [...tones.map((tone) => note(tone, "Title", "and what to do next")),
    ...tones.map((tone) => el("span", { class: `badge ${tone}` }, tone)),
    ...["", "outline", "plain", "danger", "outline secondary"]
      .map((kind) => el("button", { class: kind }, "Press")),
    el("small", {}, "small"), el("p", { class: "quiet" }, "quiet"), el("a", { href: "#" }, "link"),
    el("p", { class: "consent-text" }, "consent"), el("td", { class: "flag-high" }, "9.8")];
  document.querySelector("main").append(...all(), el("section.card", {}, all()));
}"""
LIVE = "[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]"
CHATTY = f"""() => [...document.querySelectorAll("[data-until], .countdown, #count")]
  .filter((e) => e.closest("{LIVE}")).map((e) => e.outerHTML)"""


def poor(page: Tab) -> list[str]:
    told = page.evaluate(CONTRAST)
    assert told["seen"] > 5
    found: list[str] = told["poor"]
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("name", "path"), EVERY_PAGE)
def test_every_text_can_be_told_from_its_ground(
    open_page: Any, amina: World, name: str, path: str, theme: str
) -> None:
    page = open_page(name, path, 390, scripts=path != "/clinician/")
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    assert poor(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_tone_and_the_chart_can_be_told_from_their_ground(open_page: Any, theme: str) -> None:
    page = open_page("okafor", "/clinician/device/", 1280)
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    shown(page, hostile_bundle())
    page.evaluate(TONES)
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == {"light": "rgb(246, 248, 247)", "dark": "rgb(16, 23, 22)"}[theme]
    assert poor(page) == []


def test_the_contrast_check_finds_a_pale_text(open_page: Any) -> None:
    page = open_page("okafor", "/clinician/device/", 390)
    page.evaluate("document.querySelector('h1').style.color = 'rgb(150 150 150)'")
    assert len(poor(page)) == 1


def asked(world: World, person: str) -> str:
    return world.tablet.ask(world.code(person)).request_id


def test_no_running_time_is_read_aloud(open_page: Any, li_mei: World) -> None:
    consent = li_mei.phone.approve(asked(li_mei, "li-mei"))
    li_mei.settle()
    page = open_page("li-mei", "/patient/", scripts=False)
    assert page.evaluate("document.querySelectorAll('[data-until]').length") == 1
    assert page.evaluate(CHATTY) == []
    bedside = open_page("okafor", f"/clinician/requests/{consent.request_id}/", 1280)
    assert bedside.evaluate(CHATTY) == []


def test_every_state_in_a_list_is_said_as_a_state(open_page: Any, li_mei: World) -> None:
    consent = li_mei.phone.approve(asked(li_mei, "li-mei"))
    li_mei.settle()
    li_mei.phone.revoke(consent)
    li_mei.settle()
    home = open_page("li-mei", "/patient/", scripts=False)
    said = home.evaluate("document.querySelector('[aria-labelledby=h-ended] li').textContent")
    assert "State: Stopped by the patient" in said
    bedside = open_page("okafor", "/clinician/", 1280, scripts=False)
    said = bedside.evaluate("document.querySelector('#live li').textContent")
    assert "State: Stopped by the patient" in said


def test_the_end_of_a_permission_interrupts_what_is_read_aloud(open_page: Any, li_mei: World) -> None:
    consent = li_mei.phone.approve(asked(li_mei, "li-mei"))
    li_mei.settle()
    li_mei.phone.revoke(consent)
    li_mei.settle()
    page = open_page("okafor", f"/clinician/requests/{consent.request_id}/", 1280)
    page.wait_for_selector("#state[data-state=revoked]")
    assert page.get_attribute("#waiting-text", "role") == "alert"
    assert "The patient stopped this permission." in page.inner_text("#waiting-text")


def test_after_refusing_the_keyboard_and_the_reader_are_at_the_outcome(
    open_page: Any, amina: World, tmp_path: Path, settings: Any
) -> None:
    settings.SALUS_LEDGER_GENESIS = tmp_path / "genesis.json"
    settings.SALUS_LEDGER_GENESIS.write_text(
        json.dumps({"chain_id": "salus-tests", "genesis_time": "2026-01-01T00:00:00Z", "validators": []})
    )
    page = open_page("amina-diallo", f"/patient/requests/{asked(amina, 'amina-diallo')}/")
    page.wait_for_selector("#refuse")
    page.focus("#refuse")
    page.press("#refuse", "Enter")
    page.wait_for_selector("#request .note.ok")
    page.wait_for_selector("#request:focus")
    assert "You refused." in page.inner_text("#request")
    assert page.inner_text("h1") == "Your answer"


def test_nothing_moves_for_those_who_asked_for_rest(open_page: Any) -> None:
    page = open_page("okafor", "/clinician/device/", 390)
    page.emulate_media(reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll("*")].filter((e) =>
      ["", "::before", "::after"].some((part) => {
      const style = getComputedStyle(e, part);
      const runs = style.transitionProperty !== "none" && parseFloat(style.transitionDuration) > 0;
      return style.animationName !== "none" || runs;
    })).map((e) => e.outerHTML.slice(0, 80))"""
    assert page.evaluate(moving) == []
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moving) != []


@pytest.mark.parametrize(("name", "path"), EVERY_PAGE)
def test_everything_that_can_be_pressed_has_a_name(
    open_page: Any, amina: World, name: str, path: str
) -> None:
    page = open_page(name, path, 390, scripts=path != "/clinician/")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, a[href], input:not([type=hidden]), select, summary")]
        .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length
          || e.querySelector("img[alt]:not([alt=''])"))).map((e) => e.outerHTML.slice(0, 100))"""
    )
    assert nameless == []
