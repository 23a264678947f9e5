"""What a thin node reads for those who ask it: each thing fetched from some validator, verified, or refused.

Rules
- A state is never older than the newest header that this node had verified when it was asked.
- A transaction's code is proven by the next header, for which is shortly waited.
- What lies in a range is all that lies in it: a validator cannot leave anything out up to the newest header.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.client.errors import LedgerUnavailable, NotFound
from ledger.client.verify import ProvenBlock
from ledger.light.verdict import LightBlock
from ledger.thin import checks
from ledger.thin.errors import TooLarge
from ledger.thin.node import ThinNode
from ledger.thin.pool import Source
from ledger.thin.ranges import LARGE_HEDGE_S, fetch_range
from ledger.thin.upstream import ANSWER_S, LARGE_BYTES
from ledger.types.block import Block
from ledger.types.merkle import Proof
from ledger.types.rpc_json import base64_text, hex_text

BLOCK_S = 20.0
NEXT_HEADER_S = 2.0
MAX_BLOCKS = 500
STEP_WHOLE, STEP_HASHES = 8, 250
"""How many blocks to ask for at once: whole ones, or their transactions' hashes."""
ENOUGH_BYTES = 4 * 1024 * 1024
"""Transactions' bytes after which a range of events ends."""


@dataclass(frozen=True)
class FoundTx:
    """A transaction, proven to be in a verified block."""

    wire: bytes
    proof: Proof
    block: LightBlock


class Range(NamedTuple):
    """Consecutive verified blocks, and the light block of the last of them."""

    blocks: tuple[ProvenBlock, ...]
    end: LightBlock


@dataclass(frozen=True)
class FoundState:
    """What the state after the block before `block` holds under a key; `value` None: proven absent."""

    value: bytes | None
    proof: bytes
    block: LightBlock


async def whole_block(node: ThinNode, height: int) -> tuple[Block, LightBlock]:
    """The block at `height`. Raises NotFound, LedgerUnavailable."""
    verified = await node.headers.block(height)

    async def attempt(source: Source) -> Block:
        params = {"height": str(height)}
        answer = await source.upstream.call("block", params, BLOCK_S, LARGE_BYTES)
        return checks.block_of(answer, verified)

    return await node.pool.first(attempt, LARGE_HEDGE_S), verified


async def block_with_hash(node: ThinNode, digest: bytes) -> tuple[Block, LightBlock]:
    """The block whose header has this hash. Raises NotFound, LedgerUnavailable."""

    async def attempt(source: Source) -> int:
        answer = await source.upstream.call(
            "block_by_hash", {"hash": base64_text(digest)}, BLOCK_S, LARGE_BYTES
        )
        if isinstance(answer, dict) and answer.get("block") is None:
            raise NotFound(f"block ({hex_text(digest)}) not found; that it never was cannot be proven")
        height = checks.height_of_block(answer, digest)
        if (await node.headers.block(height, source)).header.hash != digest:
            raise checks.lie(f"block {height}", "another one")
        return height

    height = await node.pool.first(attempt, LARGE_HEDGE_S)
    return await whole_block(node, height)


async def transaction(node: ThinNode, tx_hash: bytes) -> FoundTx:
    """A committed transaction. Raises NotFound, LedgerUnavailable."""

    async def attempt(source: Source) -> FoundTx:
        answer = await source.upstream.call("tx", {"hash": base64_text(tx_hash), "prove": True})
        verified = await node.headers.block(checks.height_in(answer), source)
        return FoundTx(*checks.tx_of(answer, tx_hash, verified), verified)

    try:
        return await node.pool.first(attempt)
    except NotFound as absent:
        raise NotFound(f"tx ({hex_text(tx_hash)}) not found") from absent


async def bundled(node: ThinNode, answer: Any, wire: bytes, source: Source) -> FoundTx:
    """The transaction `wire` as a validator's proof bundle proves it. Raises ProofInvalid."""
    verified = await node.headers.confirm(*checks.stated(answer), source)
    checks.Against(verified.header.hash).committed_tx(answer, wire)
    return FoundTx(wire, checks.proof_in(answer), verified)


async def state(node: ThinNode, key: bytes, least: int, wait_ms: int) -> FoundState:
    """What the newest state holds under `key`; block `least` and all verified ones are in it."""
    least = max(least, node.headers.check_usable().height - 1)

    async def attempt(source: Source) -> FoundState:
        params = {"key": key.decode(), "min_height": least, "wait_ms": wait_ms}
        answer = await source.upstream.call("query_proven", params, wait_ms / 1000 + ANSWER_S)
        header, commit = checks.stated(answer)
        if header.height <= least:
            raise checks.lie(f"the state after block {least}", "an older one")
        verified = await node.headers.confirm(header, commit, source)
        return FoundState(*checks.state_of(answer, key, verified.header), verified)

    return await node.pool.first(attempt)


async def state_after(node: ThinNode, key: bytes, height: int) -> FoundState:
    """What the state after block `height` held under `key`. Raises NotFound, LedgerUnavailable."""
    await node.headers.block(height)
    after = await next_block(node, height)

    async def attempt(source: Source) -> FoundState:
        params = {"data": key.hex(), "height": str(height), "prove": True}
        answer = await source.upstream.call("abci_query", params)
        if checks.query_height(answer) != height:
            raise checks.lie(f"the state after block {height}", "another one")
        return FoundState(*checks.query_of(answer, key, after.header), after)

    return await node.pool.first(attempt)


async def codes(node: ThinNode, height: int, count: int) -> tuple[int, ...]:
    """The codes of the `count` transactions of block `height`. Raises LedgerUnavailable, NotFound."""
    after = (await next_block(node, height)).header
    if checks.all_accepted(count) == after.last_results_hash:
        return (0,) * count

    async def attempt(source: Source) -> tuple[int, ...]:
        params = {"height": str(height)}
        answer = await source.upstream.call("block_results", params, BLOCK_S, LARGE_BYTES)
        return checks.codes_of(answer, after)

    return await node.pool.first(attempt, LARGE_HEDGE_S)


async def next_block(node: ThinNode, height: int) -> LightBlock:
    """The light block after `height`, which proves what that block came to; waits shortly for it."""
    try:
        async with asyncio.timeout(NEXT_HEADER_S):
            if node.headers.height <= height:
                await node.headers.newest()
            await node.headers.wait_above(height)
    except TimeoutError:
        raise LedgerUnavailable(
            f"what block {height} came to is proven by header {height + 1}, which does not exist yet"
        ) from None
    return await node.headers.block(height + 1)


async def blocks(node: ThinNode, first: int, last: int, full: bool, signed: bool = False) -> Range:
    """The blocks `first` to `last`; whole ones end earlier, once `ENOUGH_BYTES` of transactions are in them.

    Raises NotFound, LedgerUnavailable, TooLarge.
    """
    found, size = list[ProvenBlock](), 0
    async for part in _parts(node, first, last, full, signed):
        for block in part:
            found.append(block)
            size += sum(map(len, block.txs))
            if full and size >= ENOUGH_BYTES:
                return await _ending(node, found)
    return await _ending(node, found)


async def events(node: ThinNode, height: int, index: int, limit: int) -> Range | None:
    """The blocks from `height` on until `limit` transactions after (`height`, `index`) are in them.

    None when there is no such transaction up to the newest verified block.
    """
    first, found, new, useful, size = max(height, 1), list[ProvenBlock](), 0, 0, 0
    last = min(node.headers.height, first + MAX_BLOCKS - 1)
    async for part in _parts(node, first, last, full=True):
        for block in part:
            found.append(block)
            fresh = len(block.txs) - (index + 1 if block.header.height == height else 0)
            if fresh > 0:
                new, useful = new + fresh, len(found)
            size += sum(map(len, block.txs))
            if new >= limit or (useful and size >= ENOUGH_BYTES):
                return await _ending(node, found[:useful])
    return await _ending(node, found[:useful]) if useful else None


async def _parts(
    node: ThinNode, first: int, last: int, full: bool, signed: bool = False
) -> AsyncIterator[tuple[ProvenBlock, ...]]:
    """The blocks `first` to `last`, verified, as many at a time as a validator's answer may hold."""
    step = STEP_WHOLE if full else STEP_HASHES
    while first <= last:
        until = min(first + step - 1, last)
        try:
            digest = await node.headers.hash_of(until)
            part = await fetch_range(node.pool, first, until, digest, full, signed)
        except TooLarge:
            if step == 1:
                raise
            step = max(1, step // 4)
            continue
        yield part
        first = until + 1


async def _ending(node: ThinNode, found: list[ProvenBlock]) -> Range:
    return Range(tuple(found), await node.headers.block(found[-1].header.height))
