"""A page in Chromium that imports the wallet's modules as a phone does."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser import FLAGS
from tests.js.site import browser_path, served


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the project's files."""
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A browser with a profile on disk, as a phone has."""
    profile = tmp_path_factory.mktemp("profile")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=browser_path(), args=FLAGS
        )
        yield context
        context.close()


@pytest.fixture(scope="module")
def page(context: BrowserContext, site: str) -> Page:
    """A page whose scripts may `await load("grant")` a module of static/wallet."""
    return new_page(context, site)


def new_page(context: BrowserContext, site: str) -> Page:
    page = context.new_page()
    page.add_init_script("globalThis.load = (name) => import(`/mobile_api/static/wallet/${name}.js`);")
    page.goto(f"{site}/blank")
    return page
