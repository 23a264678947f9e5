"""What a thin node reads for those who ask it: each thing fetched from some validator, verified, or refused.

Rules
- A state is never older than the newest header that this node had verified when it was asked.
- What lies in a range is all that lies in it: a validator cannot leave anything out up to the newest header.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.client.errors import NotFound
from ledger.client.verify import ProvenBlock
from ledger.light.verdict import LightBlock
from ledger.thin import checks
from ledger.thin.errors import TooLarge
from ledger.thin.node import ThinNode
from ledger.thin.pool import Source
from ledger.thin.ranges import fetch_range
from ledger.thin.upstream import ANSWER_S
from ledger.types.block import Block, Commit, Header
from ledger.types.merkle import Proof
from ledger.types.rpc_json import base64_text, hex_text

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
    header: Header


@dataclass(frozen=True)
class Bundled:
    """A transaction, its proof, and who signed its block: all that somebody else needs to check it."""

    tx: FoundTx
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


async def whole_block(node: ThinNode, height: int) -> Block:
    """The block at `height`. Raises NotFound, LedgerUnavailable."""
    found = await signed_block(node, height, full=True)
    return Block(found.header, found.txs, found.last_commit or Commit(), found.evidence)


async def signed_block(node: ThinNode, height: int, full: bool = False) -> ProvenBlock:
    """The block at `height` with its last commit and evidence, and its transactions or their hashes.

    Raises NotFound, LedgerUnavailable.
    """
    header = await node.headers.header(height)
    (found,) = await fetch_range(node.pool, height, height, header.hash, full, signed=True)
    return found


async def block_with_hash(node: ThinNode, digest: bytes) -> Block:
    """The block whose header has this hash. Raises NotFound, LedgerUnavailable."""

    async def attempt(source: Source) -> int:
        answer = await source.upstream.call("header_by_hash", {"hash": base64_text(digest)})
        header = checks.header_named(answer, digest)
        if header is None:
            raise NotFound(f"block ({hex_text(digest)}) not found; that it never was cannot be proven")
        if (await node.headers.header(header.height, source)).hash != digest:
            raise checks.lie(f"block {header.height}", "another one")
        return header.height

    return await whole_block(node, await node.pool.first(attempt))


async def transaction(node: ThinNode, tx_hash: bytes) -> FoundTx:
    """A committed transaction. Raises NotFound, LedgerUnavailable."""

    async def attempt(source: Source) -> FoundTx:
        answer = await source.upstream.call("tx", {"hash": base64_text(tx_hash), "prove": True})
        header = await node.headers.header(checks.height_in(answer), source)
        return FoundTx(*checks.tx_of(answer, tx_hash, header), header)

    try:
        return await node.pool.first(attempt)
    except NotFound as absent:
        raise NotFound(f"tx ({hex_text(tx_hash)}) not found") from absent


async def bundle(node: ThinNode, tx_hash: bytes) -> Bundled:
    """A committed transaction with all that proves it. Raises NotFound, LedgerUnavailable."""
    found = await transaction(node, tx_hash)
    return Bundled(found, await node.headers.block(found.header.height))


async def bundled(node: ThinNode, answer: Any, wire: bytes, source: Source) -> Bundled:
    """The transaction `wire` as a validator's proof bundle proves it. Raises ProofInvalid."""
    verified = await node.headers.confirm(*checks.stated(answer), source)
    checks.Against(verified.header.hash).committed_tx(answer, wire)
    return Bundled(FoundTx(wire, checks.proof_in(answer), verified.header), verified)


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


async def state_after(node: ThinNode, key: bytes, after: LightBlock) -> FoundState:
    """What the state held under `key` before the block `after`, whose header names its root.

    Raises NotFound, LedgerUnavailable.
    """
    height = after.height - 1

    async def attempt(source: Source) -> FoundState:
        params = {"data": key.hex(), "height": str(height), "prove": True}
        answer = await source.upstream.call("abci_query", params)
        if checks.query_height(answer) != height:
            raise checks.lie(f"the state after block {height}", "another one")
        return FoundState(*checks.query_of(answer, key, after.header), after)

    return await node.pool.first(attempt)


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
