"""Search by event: `tx_search`, `block_search` and how many events of each type there are.

Rules
- The index names blocks that may match; each is read and asked itself, so an answer is never wrong, and
  `total_count` counts all of them.
- A search works in slices between the node's other work, one at a time; those that wait are bounded.
- A search that would read too much is refused and says how to narrow it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from ledger.node.block_store import StoredBlock
from ledger.node.event_tags import BLOCK_HEIGHT, EVENT, TX_HASH, TX_HEIGHT, block_tags, tx_tags
from ledger.node.executor import stored_results
from ledger.node.node import Node
from ledger.node.rpc_forms import block_answer
from ledger.node.rpc_params import Params, RpcError, internal
from ledger.node.rpc_routes import Route, stored_at, tx_to_json
from ledger.types.event_query import Query, QueryError, parse
from ledger.types.ids import sha256

MAX_SEARCHES = 8
MAX_READ_TXS = 200_000
MAX_READ_BLOCKS = 50_000
TURN_S = 0.003
"""How long a search keeps the node before others get their turn."""
_EVERYWHERE = ("tx", "tm", "block")
"""What is known of every transaction or block without any event of theirs."""
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class _About:
    """What is searched: its `tm.event`, and the key under which its height is."""

    event: str
    height_key: str


_TXS, _BLOCKS = _About("Tx", TX_HEIGHT), _About("NewBlock", BLOCK_HEIGHT)


async def tx_search(node: Node, params: Params) -> dict[str, Any]:
    """Transactions whose events meet `query`, in ledger order (or `order_by` desc), proven with `prove`."""
    query, prove, order = read_query(params), params.boolean("prove"), params.order("asc")
    found = await _search(node, query, _TXS, lambda stored: _matching_txs(stored, query))
    page = _ordered(found, order)[params.page(len(found))]
    return {"txs": [tx_to_json(node, tx_hash, prove) for tx_hash in page], "total_count": str(len(found))}


async def block_search(node: Node, params: Params) -> dict[str, Any]:
    """Blocks whose own events (`block.height`, evidence) meet `query`, newest first unless told otherwise."""
    query, order = read_query(params), params.order("desc")
    found = await _search(node, query, _BLOCKS, lambda stored: _matching_block(stored, query))
    page = _ordered(found, order)[params.page(len(found))]
    return {
        "blocks": [block_answer(stored_at(node, height)) for height in page],
        "total_count": str(len(found)),
    }


async def event_counts(node: Node, params: Params) -> dict[str, Any]:
    """How many events of each type the blocks from `from` to `height` hold; as this node counts them."""
    await node.index.catch_up()
    counts = {type_: str(count) for type_, count in sorted(node.index.counts.items()) if count}
    return {"from": str(node.index.base), "height": str(node.index.height), "counts": counts}


def read_query(params: Params) -> Query:
    """The `query` parameter. Raises RpcError."""
    try:
        return parse(params.text("query"))
    except QueryError as error:
        raise internal(f"failed to parse query: {error}") from error


def _ordered(found: list[_Found], order: str) -> Sequence[_Found]:
    return found if order == "asc" else found[::-1]


def _matching_txs(stored: StoredBlock, query: Query) -> list[bytes]:
    pairs = zip(stored.txs, stored_results(stored), strict=True)
    return [sha256(wire) for wire, result in pairs if query.matches(tx_tags(stored.height, wire, result))]


def _matching_block(stored: StoredBlock, query: Query) -> list[int]:
    return [stored.height] if query.matches(block_tags(stored)) else []


async def _search(
    node: Node, query: Query, about: _About, matching: Callable[[StoredBlock], list[_Found]]
) -> list[_Found]:
    """Everything that matches, in ledger order. Raises RpcError when that is too much to read."""
    index = node.index
    if index.searches >= MAX_SEARCHES:
        raise internal(f"{MAX_SEARCHES} searches run or wait already, try again shortly")
    index.searches += 1
    try:
        async with index.one_search:
            await index.catch_up()
            return await _read(node, _candidates(node, query, about), matching)
    finally:
        index.searches -= 1


async def _read(
    node: Node, heights: AsyncIterator[int], matching: Callable[[StoredBlock], list[_Found]]
) -> list[_Found]:
    found: list[_Found] = []
    blocks = txs = 0
    turn = _Turn()
    async for height in heights:
        stored = node.store.load(height)
        if stored is None:
            continue  # pruned meanwhile
        blocks, txs = blocks + 1, txs + len(stored.txs)
        if blocks > MAX_READ_BLOCKS or txs > MAX_READ_TXS:
            raise _too_broad(height)
        found += matching(stored)
        await turn.over()
    return found


class _Turn:
    """Lets others go on when this search has kept the node for a while."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def over(self) -> None:
        if perf_counter() - self._since > TURN_S:
            await asyncio.sleep(0)
            self._since = perf_counter()


def _too_broad(height: int) -> RpcError:
    return internal(
        f"the search would read more than {MAX_READ_BLOCKS} blocks or {MAX_READ_TXS} transactions; it came to"
        f" block {height}. Narrow it by an event's value or by tx.height (block.height)"
    )


async def _candidates(node: Node, query: Query, about: _About) -> AsyncIterator[int]:
    """The blocks, ascending, that may hold what matches."""
    index = node.index
    within = query.bounds(about.height_key, index.height)
    within = range(max(within.start, index.base), within.stop)
    if any(text != about.event for text in query.texts(EVENT)):
        return
    if hashes := query.texts(TX_HASH):
        within = _of_hash(node, hashes[0], within)
    keys = sorted(key for key in query.keys if key.split(".")[0] not in _EVERYWHERE)
    types = {key.split(".")[0] for key in keys}
    value = next(((key, text) for key in keys for text in query.texts(key)), None)
    turn = _Turn()
    at = within.start
    while at < within.stop:
        height: int | None = at
        if value is None:
            at += 1
        else:
            height, at = index.next_with_value(*value, range(at, within.stop))
        if height is not None and all(index.holds_type(height, type_) for type_ in types):
            yield height
        await turn.over()


def _of_hash(node: Node, tx_hash: str, within: range) -> range:
    """The block that holds the transaction, if it is within."""
    try:
        place = node.store.place_of(bytes.fromhex(tx_hash))
    except ValueError:
        raise internal("failed to parse query: tx.hash must be compared with hex") from None
    return range(place.height, place.height + 1) if place and place.height in within else range(0)


SEARCH_ROUTES: dict[str, Route] = {route.__name__: route for route in (tx_search, block_search, event_counts)}
