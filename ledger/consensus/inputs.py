"""What may happen to the consensus of one height. The host feeds these, one at a time, to `height.apply`.

Rules
- The host writes an input to its WAL before it applies it; replaying the same inputs gives the same state.
- Own votes and proposals come back through the same door, after they were signed and written.
- The host verifies signatures first: `verify_vote`, `verify_proposal` of `ledger.consensus.admission`.
- Inputs of another height are ignored; the host keeps those of the next height until it gets there.
- Times are nanoseconds since 1970 UTC.
"""

from dataclasses import dataclass
from enum import IntEnum

from ledger.types.ids import BlockID
from ledger.types.proposal import Proposal
from ledger.types.vote import Vote


class Step(IntEnum):
    """Where a validator stands in a round. WAITING: round 0 has not begun; there is nothing to decide."""

    WAITING = 0
    PROPOSE = 1
    PREVOTE = 2
    PRECOMMIT = 3
    COMMIT = 4


@dataclass(frozen=True, slots=True)
class StartHeight:
    """The previous height is committed: begin this one.

    `wait`: no transaction is pending and no proof block is due, so stay silent in round 0 until
    `TransactionsAvailable`, a proposal or a vote arrives.
    """

    height: int
    wait: bool = False


@dataclass(frozen=True, slots=True)
class TransactionsAvailable:
    """There is something to propose now: a transaction in the mempool, or a proof block is due."""

    height: int


@dataclass(frozen=True, slots=True)
class BlockMade:
    """The answer to `MakeBlock`: the host has built, stored and checked this block for (height, round)."""

    height: int
    round: int
    block_id: BlockID
    time_ns: int


@dataclass(frozen=True, slots=True)
class BlockKnown:
    """The host holds the whole block and has judged it: `valid(v)` of the paper.

    `valid` must be a pure function of the block and the chain so far (header fields, last commit,
    ProcessProposal). `time_ns` is the time in the block's header.
    """

    height: int
    block_id: BlockID
    valid: bool
    time_ns: int


@dataclass(frozen=True, slots=True)
class ProposalReceived:
    """A proposal whose signature is that of its round's proposer. The block may follow later."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class VoteReceived:
    """A prevote or precommit whose signature is that of the validator at its index."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class TimeoutElapsed:
    """The time asked for by `ScheduleTimeout` with the same values has passed."""

    step: Step
    height: int
    round: int


Input = (
    StartHeight
    | TransactionsAvailable
    | BlockMade
    | BlockKnown
    | ProposalReceived
    | VoteReceived
    | TimeoutElapsed
)
