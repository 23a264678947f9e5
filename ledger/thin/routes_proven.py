"""Our own routes beside CometBFT's, as a full node answers them, so that `LedgerClient` works unchanged."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ledger.node.rpc_params import Params, RpcError, internal, invalid
from ledger.node.rpc_proven import MAX_HEADERS, MAX_WAIT_MS, TIMED_OUT
from ledger.thin import forms, reading, submitting
from ledger.thin.node import ThinNode
from ledger.types.rpc_json import hex_text


async def proof_bundle(node: ThinNode, params: Params) -> dict[str, Any]:
    """The bundle of a committed transaction by its hash."""
    return forms.bundle(await reading.bundle(node, params.data("hash")))


async def commit_proven(node: ThinNode, params: Params) -> dict[str, Any]:
    """Hand `tx` on, wait at most `wait_ms` for a block to hold it, and answer with its bundle."""
    wait_ms = params.integer("wait_ms", 10_000, 0, MAX_WAIT_MS)
    try:
        return forms.bundle(await submitting.commit(node, params.data("tx"), wait_ms))
    except submitting.NotCommitted as error:
        raise RpcError(TIMED_OUT, "Not committed in time", str(error)) from None


async def submit(node: ThinNode, params: Params) -> dict[str, Any]:
    """Hand `tx` to the validators; like broadcast_tx_sync, but a refusal says whether it is for good."""
    return {"hash": hex_text(await submitting.submit(node, params.data("tx")))}


async def query_proven(node: ThinNode, params: Params) -> dict[str, Any]:
    """The value under `key`, proven; the effects of block `min_height` are in it."""
    least, key = params.integer("min_height"), params.text("key").encode()
    wait_ms = params.integer("wait_ms", 2_000, 0, MAX_WAIT_MS)
    return forms.state_answer(await reading.state(node, key, least, wait_ms))


async def chain_range(node: ThinNode, params: Params) -> dict[str, Any]:
    """Headers `from`..`to` (at most 500), the commit of the last, and per block its transactions' hashes,
    or with `full` the transactions; whole blocks end earlier when they are too large together."""
    tip = node.headers.check_usable().height
    first = params.integer("from", 1, 1)
    last = min(params.integer("to", tip), first + MAX_HEADERS - 1)
    if last > tip:
        tip = (await node.headers.newest()).height
    last = min(last, tip)
    if last < first:
        raise internal(f"no block {first} yet; the last is {tip}")
    signed = params.boolean("signed")
    found, end = await reading.blocks(node, first, last, params.boolean("full"), signed)
    return forms.range_answer(found, end, tip) | (forms.signed_parts(found) if signed else {})


async def events_since(node: ThinNode, params: Params) -> dict[str, Any]:
    """The blocks from `height` on, whole, until `limit` transactions after (`height`, `index`) are in them.

    Waits at most `wait_ms` for the first one; an answer without headers means that nothing came.
    """
    height, index = params.integer("height"), params.integer("index")
    limit = params.integer("limit", 500, 1, 5_000)
    tip = node.headers.check_usable().height
    if height > tip and height > (tip := (await node.headers.newest()).height) + 1:
        raise invalid(f"the cursor's height {height} lies beyond the chain's end {tip}")
    try:
        async with asyncio.timeout(params.integer("wait_ms", 0, 0, MAX_WAIT_MS) / 1000) as waiting:
            while (found := await _found(node, waiting, height, index, limit)) is None:
                await node.headers.wait_above(tip)
                tip = node.headers.height
    except TimeoutError:
        return {"headers": [], "commit": "", "txs": [], "tip": str(tip)}
    return forms.range_answer(found.blocks, found.end, node.headers.height)


async def _found(
    node: ThinNode, waiting: asyncio.Timeout, height: int, index: int, limit: int
) -> reading.Range | None:
    """The events up to the newest verified block: reading them is not cut off by the time to wait."""
    deadline = waiting.when()
    waiting.reschedule(None)
    found = await reading.events(node, height, index, limit)
    waiting.reschedule(deadline)
    return found


PROVEN_ROUTES: dict[str, Callable[[ThinNode, Params], Awaitable[Any]]] = {
    route.__name__: route
    for route in (proof_bundle, commit_proven, submit, query_proven, chain_range, events_since)
}
