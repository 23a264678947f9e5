"""A page in Chromium that has imported the modules of static/ledger."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.js.site import page_with


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page with `window.checks` loaded."""
    with page_with("tests/js/ledger/page.html", "checks") as opened:
        yield opened
