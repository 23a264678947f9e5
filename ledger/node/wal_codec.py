"""How an input of consensus is written to the write-ahead log, and read back on replay."""

from dataclasses import dataclass

import msgspec

from ledger.consensus.inputs import (
    BlockKnown,
    BlockMade,
    Input,
    ProposalReceived,
    Step,
    TimeoutElapsed,
    TransactionsAvailable,
    VoteReceived,
)
from ledger.node.wal import Entry
from ledger.types.block import Block, block_id_of
from ledger.types.proposal import Proposal
from ledger.types.vote import Vote


@dataclass(frozen=True, slots=True)
class Logged:
    """An input of `height` as it was logged, with the block that came with it (encoded), if one did."""

    height: int
    happened: Input
    block: bytes | None = None


def encode(logged: Logged) -> Entry:
    """The log entry of an input."""
    kind, data = _encode(logged.happened, logged.block)
    return Entry(logged.height, kind, data)


def decode(entry: Entry) -> Logged:
    """The input in a log entry. Raises ValueError for an entry that this version does not write."""
    height = entry.height
    if entry.kind == "txs":
        return Logged(height, TransactionsAvailable(height))
    if entry.kind == "proposal":
        return Logged(height, ProposalReceived(Proposal.decode(entry.data)))
    if entry.kind == "vote":
        return Logged(height, VoteReceived(Vote.decode(entry.data)))
    if entry.kind == "timeout":
        step, round_ = msgspec.msgpack.decode(entry.data, type=tuple[int, int])
        return Logged(height, TimeoutElapsed(Step(step), height, round_))
    return _decode_block(entry)


def _encode(happened: Input, block: bytes | None) -> tuple[str, bytes]:
    if isinstance(happened, TransactionsAvailable):
        return "txs", b""
    if isinstance(happened, ProposalReceived):
        return "proposal", happened.proposal.encode()
    if isinstance(happened, VoteReceived):
        return "vote", happened.vote.encode()
    if isinstance(happened, TimeoutElapsed):
        return "timeout", msgspec.msgpack.encode((int(happened.step), happened.round))
    if isinstance(happened, BlockMade):
        return "made", msgspec.msgpack.encode((happened.round, block))
    if isinstance(happened, BlockKnown):
        return "block", msgspec.msgpack.encode((happened.valid, block))
    raise ValueError(f"{type(happened).__name__} is not logged")


def _decode_block(entry: Entry) -> Logged:
    mark, encoded = msgspec.msgpack.decode(entry.data, type=tuple[int | bool, bytes])
    block = Block.decode(encoded)
    block_id, time_ns = block_id_of(block, encoded), block.header.time_ns
    if entry.kind == "made":
        return Logged(entry.height, BlockMade(entry.height, int(mark), block_id, time_ns), encoded)
    if entry.kind == "block":
        return Logged(entry.height, BlockKnown(entry.height, block_id, bool(mark), time_ns), encoded)
    raise ValueError(f"the write-ahead log holds an entry of unknown kind {entry.kind!r}")
