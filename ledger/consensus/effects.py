"""What the consensus of one height asks of its host. `height.apply` returns these in the order to be done."""

from dataclasses import dataclass

from ledger.consensus.inputs import Step
from ledger.types.block import Commit
from ledger.types.ids import BlockID
from ledger.types.proposal import Proposal
from ledger.types.vote import Vote


@dataclass(frozen=True, slots=True)
class MakeBlock:
    """We propose in this round and have no valid block: build one (PrepareProposal), store it with its parts,
    and answer with `BlockMade`. Its last commit is `height.seen_commit` of the previous height."""

    height: int
    round: int


@dataclass(frozen=True, slots=True)
class SignProposal:
    """Set `time_ns` to the clock, sign, write to the WAL and sync, feed back as `ProposalReceived`, then
    broadcast it with the block, which was fed as `BlockMade` or `BlockKnown` before."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class SignVote:
    """Set `time_ns` to max(clock, `vote.time_ns`), sign through the double-sign guard, write to the WAL and
    sync, feed back as `VoteReceived`, then broadcast. Address and index are already ours."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class ScheduleTimeout:
    """Feed `TimeoutElapsed` with the same values after `TimeoutPolicy.duration_ms(step, round)`. Timers of
    earlier heights may be dropped; late or double ones do no harm."""

    step: Step
    height: int
    round: int


@dataclass(frozen=True, slots=True)
class RequestBlock:
    """+2/3 of the power voted for a block that we do not hold: fetch it, judge it, feed `BlockKnown`."""

    height: int
    round: int
    block_id: BlockID


@dataclass(frozen=True, slots=True)
class CommitBlock:
    """Decided, once per height: store the block with `commit`, execute it (FinalizeBlock, Commit), write the
    WAL's end-of-height marker, start the next height. Precommits that come later may still be applied to this
    state: `height.seen_commit` then holds more signatures."""

    height: int
    round: int
    block_id: BlockID
    commit: Commit


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """One validator signed two different votes for the same height, round and type: keep both as evidence."""

    first: Vote
    second: Vote


@dataclass(frozen=True, slots=True)
class StepEntered:
    """For logs, metrics and peers: we are at this step now. Nothing must be done."""

    height: int
    round: int
    step: Step


@dataclass(frozen=True, slots=True)
class SafetyViolated:
    """+2/3 of the power committed to what correct validators cannot have: more than a third is faulty.
    Stop signing, keep everything, call the operators. Never restart by itself."""

    height: int
    round: int
    reason: str


Effect = (
    MakeBlock
    | SignProposal
    | SignVote
    | ScheduleTimeout
    | RequestBlock
    | CommitBlock
    | EvidenceFound
    | StepEntered
    | SafetyViolated
)
