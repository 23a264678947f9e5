"""The wallet's consortium behind real pages: the cast signed in, a browser that can open them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from channels.layers import channel_layers
from django.test import Client
from playwright.sync_api import Page, sync_playwright

from tests.browser import FLAGS, MISSING, find
from tests.wallet.conftest import PIN, World, amina, empty_world, keys_on_disk, li_mei, world

__all__ = ["PIN", "World", "amina", "empty_world", "keys_on_disk", "li_mei", "world"]


def signed_in(world: World, name: str, **options: Any) -> Client:
    """A client with that person's session."""
    client = Client(**options)
    client.force_login(world.people[name])
    return client


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


@pytest.fixture(autouse=True)
def fresh_channel_layer() -> Iterator[None]:
    """An in-process layer belongs to one event loop, and every test has its own."""
    channel_layers.backends.clear()
    yield
    channel_layers.backends.clear()


class Tab:
    """A Playwright page whose every method runs in the browser's own thread."""

    def __init__(self, run: Callable[..., Any], page: Page) -> None:
        self._run, self._page = run, page

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **options: self._run(getattr(self._page, name), *args, **options)


class Chromium:
    """A browser in a thread of its own: Playwright's event loop must not run where Django's code does."""

    def __init__(self, path: str, *more_flags: str) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._playwright = self._run(sync_playwright().start)
        self._browser = self._run(
            self._playwright.chromium.launch, executable_path=path, args=[*FLAGS, *more_flags]
        )
        self._contexts: list[Any] = []

    def _run(self, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return self._pool.submit(work, *args, **options).result()

    def open(self, url: str, cookies: dict[str, str], width: int, scripts: bool = True) -> Tab:
        """A page in a context of its own. Without `scripts` it is the page as the server drew it."""
        size = {"width": width, "height": 844}
        context = self._run(self._browser.new_context, viewport=size)
        self._contexts.append(context)
        if not scripts:
            self._run(context.route, "**/*.js", lambda route: route.abort())
        origin = (
            urlsplit(url)._replace(path="/", query="").geturl()
        )  # a longer path would bind the cookies to it
        self._run(context.add_cookies, [{"name": k, "value": v, "url": origin} for k, v in cookies.items()])
        page = self._run(context.new_page)
        self._run(page.goto, url)
        return Tab(self._run, page)

    def close_all(self) -> None:
        while self._contexts:
            self._run(self._contexts.pop().close)

    def quit(self) -> None:
        self._run(self._browser.close)
        self._run(self._playwright.stop)
        self._pool.shutdown()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    path = find()
    assert path is not None, MISSING
    started = Chromium(str(path))
    yield started
    started.quit()
