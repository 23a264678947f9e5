"""Evidence of double signing: which pieces count now. Pure.

Rules (CometBFT v0.38)
- Both votes are of one validator of their height's set, contradict each other, and are signed by it.
- A piece counts until it is older than both limits of the consensus parameters, in blocks and in time.
- A node that took a snapshot over lacks headers from before it. Of those heights it believes the time that
  the evidence states: the fault is in the signatures, which it checks; who has the header checks the time.
- A validator is punished once. Further pieces against it, for whatever height, do not count.
- A block holds one piece per validator, and no more bytes of evidence than the parameters allow.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from ledger.types.evidence import DuplicateVoteEvidence, EvidenceError
from ledger.types.params import ConsensusParams
from ledger.types.validators import ValidatorSet

MAX_EVIDENCE_BYTES = 4096
"""Far more than one piece has: two votes and three numbers."""


class DoesNotCount(Exception):
    """Nothing is wrong with who sent this evidence, but it is too early, too late or punished already."""


class History(Protocol):
    """What judging evidence needs of the chain."""

    chain_id: str
    params: ConsensusParams

    @property
    def height(self) -> int:
        """The last block's height."""
        ...

    @property
    def time_ns(self) -> int:
        """The last block's header time."""
        ...

    def validators_at(self, height: int) -> ValidatorSet:
        """The set that decided `height`."""
        ...

    def header_time_ns(self, height: int) -> int | None:
        """The header time of `height`; None when we do not have that block."""
        ...

    def is_punished(self, public_key: bytes) -> bool:
        """Whether this validator was found at fault before."""
        ...


def check(evidence: DuplicateVoteEvidence, history: History) -> None:
    """Raises EvidenceError when the evidence shows nothing, DoesNotCount when it must not be used now."""
    height = evidence.vote_a.height
    if height > history.height:
        raise DoesNotCount(f"it is of height {height}; we are at {history.height}")
    time_ns = history.header_time_ns(height)
    if time_ns is None and history.height - height > history.params.evidence_max_age_blocks:
        raise DoesNotCount(f"we do not hold block {height} any more, which is long ago")
    if time_ns is None:
        time_ns = evidence.time_ns
    if is_expired(history, height, time_ns):
        raise DoesNotCount(f"it is of height {height}, too long ago")
    validators = history.validators_at(height)
    evidence.check(validators, history.chain_id, time_ns)
    if history.is_punished(validators.validators[evidence.vote_a.validator_index].public_key):
        raise DoesNotCount("that validator was punished already")


def is_expired(history: History, height: int, time_ns: int) -> bool:
    """Whether what happened at `height` is older than both limits."""
    params = history.params
    return (
        history.height - height > params.evidence_max_age_blocks
        and history.time_ns - time_ns > params.evidence_max_age_ns
    )


def check_block(pieces: Sequence[DuplicateVoteEvidence], history: History) -> None:
    """Raises EvidenceError or DoesNotCount unless a block may hold exactly these pieces."""
    if sum(len(piece.encode()) for piece in pieces) > history.params.evidence_max_bytes:
        raise EvidenceError(f"more than {history.params.evidence_max_bytes} bytes of evidence")
    if len({piece.vote_a.validator_address for piece in pieces}) != len(pieces):
        raise EvidenceError("two pieces of evidence against one validator")
    for piece in pieces:
        check(piece, history)


def culprits(pieces: Iterable[DuplicateVoteEvidence], history: History) -> tuple[bytes, ...]:
    """The keys of the validators that these pieces, which a decided block holds, are against."""
    voters = (history.validators_at(one.vote_a.height).get(one.vote_a.validator_index) for one in pieces)
    return tuple(voter.public_key for voter in voters if voter is not None)
