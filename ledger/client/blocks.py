"""Verified blocks as the pages list them: who signed, and what evidence says. Pure."""

from ledger.client.types import BlockSummary, Fault
from ledger.client.verify import ProvenBlock, ProvenRange
from ledger.types.commit import BlockIDFlag, Commit
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.vote import VoteType


def summaries(proven: ProvenRange) -> list[BlockSummary]:
    """One line for each block, in ascending order.

    Who signed a block is in the one after it; for the last of the range, in the commit that vouches for it.
    """
    commits = [*(block.last_commit for block in proven.blocks[1:]), proven.commit]
    return [_summary(*pair) for pair in zip(proven.blocks, commits, strict=True)]


def signers(commit: Commit) -> tuple[str, ...]:
    """The addresses of those who signed for the block."""
    slots = (slot for slot in commit.signatures if slot.flag is BlockIDFlag.COMMIT)
    return tuple(slot.validator_address.hex().upper() for slot in slots)


def _summary(block: ProvenBlock, commit: Commit | None) -> BlockSummary:
    header = block.header
    return BlockSummary(
        height=header.height,
        hash=header.hash.hex().upper(),
        time_ms=header.time_ns // 1_000_000,
        txs=len(block.txs),
        proposer=header.proposer_address.hex().upper(),
        app_hash=header.app_hash.hex().upper(),
        round=commit.round if commit else 0,
        slots=len(commit.signatures) if commit else 0,
        signed_by=signers(commit) if commit else (),
        faults=tuple(_fault(piece) for piece in block.evidence),
    )


def _fault(piece: DuplicateVoteEvidence) -> Fault:
    first = piece.vote_a
    return Fault(
        address=first.validator_address.hex().upper(),
        height=first.height,
        round=first.round,
        vote="prevote" if first.type is VoteType.PREVOTE else "precommit",
        power=piece.validator_power,
        time_ms=piece.time_ns // 1_000_000,
        blocks=(first.block_id.hash.hex().upper(), piece.vote_b.block_id.hash.hex().upper()),
    )
