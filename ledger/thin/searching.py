"""Searches: what validators find, each thing proven and matched again, their answers held against each other.

Rules
- What is told is true: each transaction is proven to be in its block, each block is the verified one, and the
  query is asked of it again here. A validator whose answer holds anything else, twice the same, or out of
  order is dropped.
- That nothing is left out cannot be proven. So f + 1 validators, two at least, are asked for the same page up
  to the newest verified block. When they answer alike, that is the answer: one of them is honest.
- When they differ, everybody is asked for all there is, and the union is the answer: a validator cannot hide
  what another one shows. Who showed less is named in the log: it lags, has pruned its blocks, or hides. Where
  that is too much, the page counts that f + 1 show alike.
- What we cannot verify just now is refused, not left out: else who hides it would have the last word.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from ledger.client.errors import LedgerUnavailable
from ledger.node.log import log
from ledger.node.rpc_params import MAX_PER_PAGE, Params, internal
from ledger.thin.checks import lie
from ledger.thin.errors import Undecided
from ledger.thin.node import ThinNode
from ledger.thin.pool import Source
from ledger.types.event_query import MAX_LENGTH, Query, parse

MAX_UNITED = 1_000
"""How many things answers that differ may hold to be united: all are fetched, and held in memory."""
AT_ONCE = 8

Place = TypeVar("Place", int, tuple[int, int])
"""Where a thing lies on the ledger: a block's height, or a transaction's height and index."""


@dataclass(frozen=True)
class Page(Generic[Place]):
    """What one validator answers, verified: how many things there are, and where those of this page lie."""

    total: int
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Asked:
    """Which page, from 1, of how many things each, in which order."""

    page: int
    per_page: int
    order: str = "asc"


@dataclass(frozen=True)
class Found(Generic[Place]):
    """A page, and of how many validators that were `asked` so many are `agreeing`: they show all of it."""

    page: Page[Place]
    agreeing: int
    asked: int


Ask = Callable[[Source, Asked], Awaitable[Page[Place]]]


def bounded(query: Query, key: str, height: int) -> Query:
    """The query, of things up to `height`. Raises RpcError when it is too long with that."""
    bound = f" AND {key}<={height}"
    if len(str(query)) + len(bound) > MAX_LENGTH:
        most = MAX_LENGTH - len(bound)
        raise internal(f"failed to parse query: a query has at most {most} characters here")
    return parse(str(query) + bound)


async def search(node: ThinNode, params: Params, order: str, ask: Ask[Place]) -> Found[Place]:
    """The page that `params` ask for. Raises RpcError, Undecided, LedgerUnavailable."""
    asked = Asked(max(params.integer("page", 1), 1), params.per_page(), order)
    answers = await node.pool.several(lambda source: _page(source, asked, ask), node.pool.vouchers)
    first = answers[0]
    if all(answer == first for answer in answers):
        params.page(first.total)
        return Found(first, len(answers), len(answers))
    return await _united(node, params, asked, ask)


async def _page(source: Source, asked: Asked, ask: Ask[Place]) -> Page[Place]:
    """This page of `source`'s; without anything when it lies beyond its last one, which is for us to say."""
    if asked.page > 1:
        total = (await ask(source, replace(asked, page=1, per_page=1))).total
        if asked.per_page * (asked.page - 1) >= total:
            return Page(total, ())
    return await ask(source, asked)


async def _united(node: ThinNode, params: Params, asked: Asked, ask: Ask[Place]) -> Found[Place]:
    """The page of all that anybody shows. Raises Undecided when that is too much, RpcError."""

    async def attempt(source: Source) -> tuple[Source, frozenset[Place] | None]:
        return source, await _everything(source, ask)

    answers = await node.pool.several(attempt, len(node.pool.sources))
    sets = [(source, places) for source, places in answers if places is not None]
    if len(sets) < len(answers):
        return await _agreed(node, params, asked, ask)
    union = frozenset[Place]().union(*(places for _source, places in sets))
    for source, places in sets:
        if missing := len(union) - len(places):
            log("search_shows_less", address=source.url, missing=missing, of=len(union))
    ordered = sorted(union, reverse=asked.order == "desc")
    page = Page(len(ordered), tuple(ordered[params.page(len(ordered))]))
    return Found(page, sum(places == union for _source, places in sets), len(answers))


async def _agreed(node: ThinNode, params: Params, asked: Asked, ask: Ask[Place]) -> Found[Place]:
    """The page that enough validators show alike, of those the one with most. Raises Undecided, RpcError."""
    answers = await node.pool.several(lambda source: _page(source, asked, ask), len(node.pool.sources))
    enough = {page: count for page, count in Counter(answers).items() if count >= node.pool.vouchers}
    if not enough:
        raise Undecided(
            f"the validators find different things, and too many to unite (at most {MAX_UNITED}): ask again"
            " shortly, or narrow the search by tx.height (block.height)"
        )
    page = max(enough, key=lambda one: one.total)
    params.page(page.total)
    return Found(page, enough[page], len(answers))


async def _everything(source: Source, ask: Ask[Place]) -> frozenset[Place] | None:
    """All that `source` finds; None when that is too much."""
    found, number = list[Place](), 1
    while True:
        page = await ask(source, Asked(number, MAX_PER_PAGE))
        if page.total > MAX_UNITED:
            return None
        found += page.places
        if len(found) >= page.total:
            return frozenset(found)
        number += 1


@contextmanager
def deciding() -> Iterator[None]:
    """Around what decides whether an answer is right: that we cannot tell is no fault of who gave it, and
    must not leave the word to those who show less. Raises Undecided."""
    try:
        yield
    except LedgerUnavailable as error:
        raise Undecided(str(error)) from error


def check_page(total: int, places: Sequence[Place], asked: Asked) -> Page[Place]:
    """The page, when it holds as many things as it must, each once and in order. Raises ProofInvalid."""
    left = total - asked.per_page * (asked.page - 1)
    if len(places) != max(0, min(asked.per_page, left)):
        raise lie(f"{asked.per_page} of {left} things found", f"{len(places)}")
    if list(places) != sorted(set(places), reverse=asked.order == "desc"):
        raise lie("things found in order, each once", "others")
    return Page(total, tuple(places))


async def each(told: Sequence[Any], check: Callable[[Any], Awaitable[Place]]) -> list[Place]:
    """The places of what was told, a few checked at a time. Raises what a check raises."""
    found: list[Place] = []
    for first in range(0, len(told), AT_ONCE):
        found += await asyncio.gather(*map(check, told[first : first + AT_ONCE]))
    return found
