"""A page in Chromium that imports the wallet's modules as a phone does, from a file server on loopback."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser import FLAGS, MISSING, find

ROOT = Path(__file__).parents[3]
PAGE = b"<!doctype html><meta charset=utf-8><title>wallet</title>"


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}

    def do_GET(self) -> None:
        if self.path != "/blank":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the project's files; http://127.0.0.1 is a secure context, so WebCrypto is there."""
    handler = functools.partial(_Files, directory=str(ROOT))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A browser with a profile on disk, as a phone has."""
    browser_path = find()
    assert browser_path is not None, MISSING
    profile = tmp_path_factory.mktemp("profile")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=str(browser_path), args=FLAGS
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
