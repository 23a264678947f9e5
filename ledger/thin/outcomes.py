"""What transactions and blocks came to: how much of it is proven, and what is done about the rest.

Rules
- Codes are proven by the next header, for which is shortly waited; a block without transactions has none.
- A block's own events follow from its evidence, its changes of validators from the next headers.
- A transaction's events follow from its bytes (see `events`). Where they depend on the state before, they are
  told when f + 1 validators say the same, and labelled `vouched`; else they are left out, labelled `omitted`.
- A transaction in a block passed every rule: its log is empty. The log of one that failed is not passed on.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ledger.client.errors import LedgerUnavailable, NotFound
from ledger.light.verdict import LightBlock
from ledger.machine.results import Event
from ledger.machine.validators import updates
from ledger.node.event_tags import events_of_evidence
from ledger.node.executor import ResultRecord
from ledger.thin import checks, reading
from ledger.thin.events import events_following
from ledger.thin.node import ThinNode
from ledger.thin.pool import Source
from ledger.thin.ranges import LARGE_HEDGE_S
from ledger.thin.upstream import BLOCK_S, LARGE_BYTES
from ledger.types import merkle
from ledger.types.block import Block, Commit, Header, block_id_of
from ledger.types.ids import BlockID
from ledger.types.rpc_json import KEY_TYPE, base64_text

NEXT_HEADER_S = 2.0
NO_EVIDENCE = merkle.root([])


@dataclass(frozen=True)
class Results:
    """Results of some transactions of a block, by their place in it.

    `vouched`: what f + 1 validators say alike and nothing proves; `omitted`: what is left out.
    """

    by_index: Mapping[int, ResultRecord]
    vouched: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """A whole block and what it came to; `updates` is the JSON of whose power it changes.

    `app_hash` is empty, and named in `omitted`, while no header tells it.
    """

    block: Block
    block_id: BlockID
    events: tuple[Event, ...]
    results: tuple[ResultRecord, ...]
    updates: list[dict[str, Any]]
    app_hash: bytes
    vouched: tuple[str, ...]
    omitted: tuple[str, ...]


async def of_block(node: ThinNode, height: int) -> Outcome:
    """The block at `height` and what it came to. Raises NotFound, LedgerUnavailable."""
    block = await reading.whole_block(node, height)
    done = await of_transactions(node, height, len(block.txs), dict(enumerate(block.txs)))
    after = await _next_if_any(node, block)
    told = Outcome(
        block,
        block_id_of(block),
        events_of_evidence(block.evidence),
        tuple(done.by_index[index] for index in range(len(block.txs))),
        [],
        b"",
        done.vouched,
        (*done.omitted, "app_hash"),
    )
    if after is None:
        return told
    changed = [] if after.next_validators_hash == after.validators_hash else await _updates(node, after)
    return replace(told, updates=changed, app_hash=after.app_hash, omitted=done.omitted)


async def of_header(node: ThinNode, height: int) -> Outcome:
    """The block at `height` without its transactions, for those who want its header only.

    Raises NotFound, LedgerUnavailable.
    """
    header = await node.headers.header(height)
    if header.evidence_hash != NO_EVIDENCE:
        return await of_block(node, height)
    return Outcome(Block(header, (), Commit()), BlockID(), (), (), [], b"", (), ())


async def of_transactions(node: ThinNode, height: int, total: int, wires: Mapping[int, bytes]) -> Results:
    """What the transactions `wires` came to, given by their place among all `total` of block `height`.

    Raises NotFound, LedgerUnavailable.
    """
    codes = await _codes(node, height, total)
    told = {index: events_following(wire, codes[index]) for index, wire in wires.items()}
    open_ = {index: wire for index, wire in wires.items() if told[index] is None}
    said = await _vouched(node, height, open_) if open_ else {}
    results = {index: ResultRecord(codes[index], "", told[index] or said.get(index, ())) for index in wires}
    missing = ("events",) if len(said) < len(open_) else ()
    failed = ("log",) if any(result.code for result in results.values()) else ()
    return Results(results, ("events",) if said else (), (*missing, *failed))


async def next_block(node: ThinNode, height: int) -> LightBlock:
    """The light block after `height`, whose header proves what that block came to; waits shortly for it."""
    await next_header(node, height)
    return await node.headers.block(height + 1)


async def next_header(node: ThinNode, height: int) -> Header:
    """The header after `height`. Raises LedgerUnavailable when it does not come."""
    try:
        async with asyncio.timeout(NEXT_HEADER_S):
            if node.headers.height <= height:
                await node.headers.newest()
            await node.headers.wait_above(height)
    except TimeoutError:
        raise LedgerUnavailable(
            f"what block {height} came to is proven by header {height + 1}, which does not exist yet"
        ) from None
    return await node.headers.header(height + 1)


async def _next_if_any(node: ThinNode, block: Block) -> Header | None:
    """The header after `block`; None when the block changed nothing that would make one follow at once."""
    if block.txs or block.evidence or node.headers.height > block.header.height:
        return await next_header(node, block.header.height)
    return None


async def _codes(node: ThinNode, height: int, count: int) -> tuple[int, ...]:
    if count == 0:
        return ()
    after = await next_header(node, height)
    if checks.all_accepted(count) == after.last_results_hash:
        return (0,) * count

    async def attempt(source: Source) -> tuple[int, ...]:
        answer = await source.upstream.call("block_results", {"height": str(height)}, BLOCK_S, LARGE_BYTES)
        return checks.codes_of(answer, after)

    return await node.pool.first(attempt, LARGE_HEDGE_S)


async def _vouched(node: ThinNode, height: int, wires: Mapping[int, bytes]) -> dict[int, tuple[Event, ...]]:
    """The events of these transactions as enough validators tell them alike; none when they do not."""

    async def attempt(source: Source) -> tuple[tuple[Event, ...], ...]:
        answer = await source.upstream.call("block_results", {"height": str(height)}, BLOCK_S, LARGE_BYTES)
        return checks.events_of(answer, wires)

    try:
        said = await node.pool.agreed(attempt, LARGE_HEDGE_S)
    except (LedgerUnavailable, NotFound):
        return {}
    return dict(zip(wires, said, strict=True))


async def _updates(node: ThinNode, after: Header) -> list[dict[str, Any]]:
    """Whose power changes from the height of `after` to the next: decided one block before `after`."""
    verified = await node.headers.block(after.height)
    later = verified.next_validators or (await node.headers.block(after.height + 1)).validators
    before, then = (
        {each.public_key: each.power for each in one.validators} for one in (verified.validators, later)
    )
    return [
        {"pub_key": {"type": KEY_TYPE, "value": base64_text(key)}, "power": str(power)}
        for key, power in updates(before, then)
    ]
