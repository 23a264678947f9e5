"""`tx_search`, `block_search` and `event_counts` as a thin node answers them.

`agreeing` of the `asked` validators show all of an answer: what is told is proven, that nothing is left out
is their word (see `searching`). A search for blocks by height alone asks nobody: it is proven altogether.
"""

from collections import Counter
from functools import partial
from typing import Any

from ledger.client.errors import LedgerUnavailable
from ledger.client.transport import Unanswered
from ledger.node.event_tags import BLOCK_HEIGHT, EVENT, TX_HEIGHT, about_block, events_of_evidence, tx_tags
from ledger.node.rpc_params import Params, internal
from ledger.node.rpc_search import MAX_READ_BLOCKS, read_query
from ledger.thin import checks, forms, outcomes, reading
from ledger.thin.node import ThinNode
from ledger.thin.outcomes import Results
from ledger.thin.pool import Source
from ledger.thin.reading import FoundTx
from ledger.thin.searching import Asked, Found, Page, Place, bounded, check_page, deciding, each, search
from ledger.thin.upstream import BLOCK_S, LARGE_BYTES, Silent
from ledger.types.event_query import Query

PUNISHED = "validator_punished"


async def tx_search(node: ThinNode, params: Params) -> dict[str, Any]:
    """Transactions whose events meet `query`, in ledger order (or `order_by` desc), proven with `prove`."""
    prove, order = params.boolean("prove"), params.order("asc")
    query = bounded(read_query(params), TX_HEIGHT, (await node.headers.newest()).height)
    seen = _Transactions(node, query)
    found = await search(node, params, order, seen.ask)
    return {
        "txs": [forms.tx_answer(*seen.proven[place], prove) for place in found.page.places],
        **_said(found),
    }


class _Transactions:
    """The transactions that validators found, each verified once."""

    def __init__(self, node: ThinNode, query: Query) -> None:
        self._node = node
        self._query = query
        self.proven: dict[tuple[int, int], tuple[FoundTx, Results]] = {}

    async def ask(self, source: Source, asked: Asked) -> Page[tuple[int, int]]:
        answer = await _ask(source, "tx_search", self._query, asked, prove=True)
        total, told = checks.found_in(answer, "txs")
        with deciding():
            places = await each(told, partial(self._verified, source))
        return check_page(total, places, asked)

    async def _verified(self, source: Source, told: Any) -> tuple[int, int]:
        """Where the transaction lies. Raises ProofInvalid unless it is there and meets the query."""
        height = checks.height_in(told)
        if height not in self._query.bounds(TX_HEIGHT, height):
            raise checks.lie("a transaction up to the height asked for", "a later one")
        header = await self._node.headers.header(height, source)
        wire, proof = checks.found_tx(told, header)
        place = (height, proof.index)
        if place not in self.proven:
            done = await outcomes.of_transactions(self._node, height, proof.total, {proof.index: wire})
            self._check_meets(height, wire, proof.index, done)
            self.proven[place] = FoundTx(wire, proof, header), done
        return place

    def _check_meets(self, height: int, wire: bytes, index: int, done: Results) -> None:
        if "events" in done.omitted:
            raise LedgerUnavailable(
                f"too few validators tell the same events of a transaction in block {height}, on which the"
                " search depends: ask again, or ask a validator"
            )
        if not self._query.matches(tx_tags(height, wire, done.by_index[index])):
            raise checks.lie("a transaction that meets the query", "another one")


async def block_search(node: ThinNode, params: Params) -> dict[str, Any]:
    """Blocks whose own events (`block.height`, evidence) meet `query`, newest first unless told otherwise."""
    query, order = read_query(params), params.order("desc")
    tip = (await node.headers.newest()).height
    if any(key.split(".")[0] == PUNISHED for key in query.keys):
        found = await search(node, params, order, _Punished(node, bounded(query, BLOCK_HEIGHT, tip)).ask)
        heights, said = found.page.places, _said(found)
    else:
        everything = _by_height(query, tip)[:: 1 if order == "asc" else -1]
        heights, said = tuple(everything[params.page(len(everything))]), {"total_count": str(len(everything))}
    return {"blocks": [forms.block_answer(await reading.whole_block(node, one)) for one in heights], **said}


def _by_height(query: Query, tip: int) -> list[int]:
    """The blocks up to `tip` that meet a query which does not ask for evidence. Raises RpcError."""
    if not query.keys <= {EVENT, BLOCK_HEIGHT}:
        return []
    within = query.bounds(BLOCK_HEIGHT, tip)
    within = range(max(within.start, 1), within.stop)
    if len(within) > MAX_READ_BLOCKS:
        raise internal(f"the search would read more than {MAX_READ_BLOCKS} blocks: narrow it by block.height")
    return [height for height in within if query.matches(about_block(height, ()))]


class _Punished:
    """Blocks with evidence that validators found."""

    def __init__(self, node: ThinNode, query: Query) -> None:
        self._node = node
        self._query = query

    async def ask(self, source: Source, asked: Asked) -> Page[int]:
        answer = await _ask(source, "block_search", self._query, asked)
        total, told = checks.found_in(answer, "blocks")
        with deciding():
            places = await each(told, partial(self._verified, source))
        return check_page(total, places, asked)

    async def _verified(self, source: Source, told: Any) -> int:
        """The block's height. Raises ProofInvalid unless its evidence meets the query."""
        height = checks.height_of_found(told)
        await self._node.headers.header(height, source)
        block = await reading.signed_block(self._node, height)
        if not self._query.matches(about_block(height, events_of_evidence(block.evidence))):
            raise checks.lie("a block that meets the query", "another one")
        return height


async def _ask(source: Source, route: str, query: Query, asked: Asked, **more: bool) -> Any:
    params = {
        "query": str(query),
        "page": str(asked.page),
        "per_page": str(asked.per_page),
        "order_by": asked.order,
    }
    try:
        return await source.upstream.call(route, {**params, **more}, BLOCK_S, LARGE_BYTES)
    except Silent:
        raise
    except Unanswered as refused:
        raise LedgerUnavailable(f"the search is refused: {refused}") from refused


def _said(found: Found[Place]) -> dict[str, str]:
    """How many there are, and how many validators say so."""
    total, agreeing, asked = map(str, (found.page.total, found.agreeing, found.asked))
    return {"total_count": total, "agreeing": agreeing, "asked": asked}


async def event_counts(node: ThinNode, params: Params) -> dict[str, Any]:
    """How many events of each type there are, as most validators count them: no proof covers it.

    `agreeing` of the `asked` validators that answered give these very counts up to this height.
    """

    async def attempt(source: Source) -> tuple[int, int, tuple[tuple[str, int], ...]]:
        return checks.counts_in(await source.upstream.call("event_counts", {}))

    node.headers.check_usable()
    said = Counter(await node.pool.several(attempt, len(node.pool.sources)))
    (height, first, counts), agreeing = max(said.items(), key=lambda each: (each[1], each[0][0]))
    return {
        "from": str(first),
        "height": str(height),
        "counts": {type_: str(count) for type_, count in counts},
        "agreeing": str(agreeing),
        "asked": str(said.total()),
    }


SEARCH_ROUTES = {route.__name__: route for route in (tx_search, block_search, event_counts)}
