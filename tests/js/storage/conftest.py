"""A page in Chromium that has imported the modules of static/storage."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.js.site import page_with


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page with `window.salus` loaded."""
    with page_with("tests/js/storage/page.html", "salus") as opened:
        yield opened
