"""The explorer on a phone and a desk: nothing scrolls sideways, targets are large, texts stand out."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from ledger.api import Cursor, LedgerClient
from tests.mobile_api.conftest import Tab
from tests.mobile_api.test_pages_in_browser import OVERFLOW, SMALL
from tests.oversight.conftest import LI_MEI, Chromium

pytestmark = pytest.mark.browser
CONTRAST = (Path(__file__).parents[1] / "mobile_api" / "contrast.js").read_text()
PAGES = ("home", "validators", "evidence", "faulty block", "transaction", "not found")
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))"


@pytest.fixture
def paths(reader: LedgerClient) -> dict[str, str]:
    (block,) = reader.blocks_with_faults()
    event = next(one for one in reader.events_since(Cursor(), 1_000) if one.body.get("did") == LI_MEI.did)
    return {
        "home": "/oversight/",
        "validators": "/oversight/validators/",
        "evidence": "/oversight/evidence/",
        "faulty block": f"/oversight/blocks/{block.height}/",
        "transaction": f"/oversight/transactions/{event.tx_hash}/",
        "not found": "/oversight/search/?q=nothing",
    }


@pytest.fixture
def open_page(
    chromium: Chromium, live_server: Any, regulator: Client, paths: dict[str, str]
) -> Iterator[Callable[..., Tab]]:
    def opened(page: str, width: int, language: str = "en") -> Tab:
        cookies = {"sessionid": regulator.cookies["sessionid"].value, "django_language": language}
        return chromium.open(f"{live_server.url}{paths[page]}", cookies, width)

    yield opened
    chromium.close_all()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_a_phone_and_headings_follow_one_another(
    open_page: Callable[..., Tab], name: str, language: str
) -> None:
    page = open_page(name, 320, language)
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(SMALL) == []
    levels = page.evaluate(HEADINGS)
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(OVERFLOW) <= 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_text_can_be_told_from_its_ground(open_page: Callable[..., Tab], name: str, theme: str) -> None:
    page = open_page(name, 390)
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    told = page.evaluate(CONTRAST)
    assert told["seen"] > 5
    assert told["poor"] == []


def test_a_block_is_found_by_keyboard_alone(open_page: Callable[..., Tab], reader: LedgerClient) -> None:
    page = open_page("home", 1280)
    page.focus("#q")
    page.fill("#q", "2")
    page.press("#q", "Enter")
    page.wait_for_url("**/oversight/blocks/2/")
    assert page.text_content("h1") == "Block 2"
    page.click("section.card a")
    page.wait_for_url("**/oversight/transactions/*/")
    assert "Proven to be on the ledger." in page.text_content("main")
