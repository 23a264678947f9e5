"""Which page is believed when validators answer a search differently; heights stand for what they find."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from ledger.client.errors import LedgerUnavailable
from ledger.node.rpc_params import Params, RpcError
from ledger.thin import searching
from ledger.thin.checks import lie
from ledger.thin.errors import Undecided
from ledger.thin.memory import Memory
from ledger.thin.pool import Pool, Source
from ledger.thin.searching import Asked, Found, Page, check_page, deciding, search
from ledger.thin.upstream import KnownSets, Silent, Upstream, UpstreamProvider

EVERYTHING = range(1, 41)


class Searched:
    """Four validators, of which one may lie; each finds the heights that it `shows`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        upstreams = [Upstream(f"http://{name}", session, Memory()) for name in "abcd"]
        sources = [Source(each, UpstreamProvider(each, loop, KnownSets())) for each in upstreams]
        self.pool = Pool(sources, lambda: 1)
        self.shows: dict[str, Any] = {source.url: list(EVERYTHING) for source in sources}
        self.asked: list[str] = []

    async def ask(self, source: Source, asked: Asked) -> Page[int]:
        self.asked.append(source.url)
        shown = self.shows[source.url]
        if isinstance(shown, Exception):
            raise shown
        ordered = shown if asked.order == "asc" else shown[::-1]
        first = asked.per_page * (asked.page - 1)
        return check_page(len(shown), ordered[first : first + asked.per_page], asked)

    async def search(self, order: str = "asc", **params: Any) -> Found[int]:
        node: Any = SimpleNamespace(pool=self.pool)
        return await search(node, Params(params, from_uri=False), order, self.ask)


@pytest.fixture
async def four() -> AsyncIterator[Searched]:
    async with aiohttp.ClientSession() as session:
        yield Searched(session)


def pages(found: Found[int]) -> Mapping[str, Any]:
    return {"total": found.page.total, "places": list(found.page.places), "of": (found.agreeing, found.asked)}


async def test_two_that_agree_are_enough_and_nobody_else_is_asked(four: Searched) -> None:
    found = await four.search(page=2, per_page=15, order="desc")
    assert pages(found) == {"total": 40, "places": list(range(25, 10, -1)), "of": (2, 2)}
    assert set(four.asked) == {"http://a", "http://b"}


async def test_what_one_hides_the_union_shows(four: Searched) -> None:
    four.shows["http://a"] = list(range(11, 41))
    found = await four.search(page=4, per_page=10)
    assert pages(found) == {"total": 40, "places": list(range(31, 41)), "of": (3, 4)}
    four.shows["http://b"] = list(range(1, 31))
    found = await four.search(page=1, per_page=10, order="desc")
    assert pages(found) == {"total": 40, "places": list(range(40, 30, -1)), "of": (2, 4)}


async def test_too_many_to_unite_the_page_of_two_that_agree_counts(
    four: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that shows few must not have the last word because the others show many."""
    monkeypatch.setattr(searching, "MAX_UNITED", 35)
    four.shows["http://a"] = [1]
    found = await four.search(page=2, per_page=10)
    assert pages(found) == {"total": 40, "places": list(range(11, 21)), "of": (3, 4)}
    four.shows["http://b"], four.shows["http://c"] = list(range(1, 38)), list(range(1, 37))
    with pytest.raises(Undecided, match="narrow the search"):
        await four.search(page=2, per_page=10)


async def test_what_cannot_be_verified_now_is_refused_and_not_left_out(four: Searched) -> None:
    """An honest answer that we cannot check must not count as none: a shorter one would be taken instead."""
    honest = four.ask

    async def ask(source: Source, asked: Asked) -> Page[int]:
        if source.url != "http://a":
            with deciding():
                raise LedgerUnavailable("the headers down to block 3 are being verified")
        return await honest(source, asked)

    four.ask = ask  # type: ignore[method-assign]
    four.shows["http://a"] = []
    with pytest.raises(Undecided, match="are being verified"):
        await four.search()


async def test_who_is_silent_or_lies_is_replaced_by_the_next(four: Searched) -> None:
    four.shows["http://a"], four.shows["http://b"] = Silent("no answer"), lie("a transaction", "another one")
    found = await four.search(per_page=3)
    assert pages(found) == {"total": 40, "places": [1, 2, 3], "of": (2, 2)}
    assert four.pool.sources[1].dropped_until > 0


async def test_pages_that_are_not_there_are_refused_with_those_that_are(four: Searched) -> None:
    for page in (0, 5):
        with pytest.raises(RpcError, match=rf"within \[1, 4\] range, given {page}"):
            await four.search(page=page, per_page=10)
    four.shows = {url: [] for url in four.shows}
    assert pages(await four.search()) == {"total": 0, "places": [], "of": (2, 2)}
