"""The project's files on a loopback port, and pages in Chromium that import them as a phone does."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser import FLAGS, MISSING, find

ROOT = Path(__file__).parents[2]
BLANK = b"<!doctype html><meta charset=utf-8><title>blank</title>"


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}

    def do_GET(self) -> None:
        if self.path != "/blank":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(BLANK)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[str]:
    """The address of the project's files; http://127.0.0.1 is a secure context, so WebCrypto is there."""
    handler = functools.partial(_Files, directory=str(ROOT))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def browser_path() -> str:
    """Where Chromium is. Raises AssertionError that says how to get one."""
    path = find()
    assert path is not None, MISSING
    return str(path)


@contextmanager
def page_with(path: str, name: str) -> Iterator[Page]:
    """The page at `path` of the project's files, once its script has set `window.<name>`."""
    with served() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        page = browser.new_page()
        page.goto(f"{site}/{path}")
        page.wait_for_function(f"window.{name} !== undefined")
        yield page
        browser.close()
