"""A page in Chromium that imports the ledger's modules, from a plain file server on the loopback."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser import FLAGS, MISSING, find

ROOT = Path(__file__).parents[3]


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page on http://127.0.0.1 (a secure context, so WebCrypto is there) with `window.checks` loaded."""
    browser_path = find()
    assert browser_path is not None, MISSING
    handler = functools.partial(_Files, directory=str(ROOT))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=str(browser_path), args=FLAGS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/tests/js/ledger/page.html")
        page.wait_for_function("window.checks !== undefined")
        yield page
        browser.close()
        server.shutdown()
