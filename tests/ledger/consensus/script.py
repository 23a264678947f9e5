"""A little language for consensus scripts: one validator's core, and what the others send it."""

from dataclasses import replace
from typing import Any

from ledger.consensus.effects import (
    CommitBlock,
    Effect,
    EvidenceFound,
    MakeBlock,
    RequestBlock,
    SafetyViolated,
    ScheduleTimeout,
    SignProposal,
    SignVote,
)
from ledger.consensus.height import HeightState, apply, new_height
from ledger.consensus.inputs import (
    BlockKnown,
    BlockMade,
    Input,
    ProposalReceived,
    StartHeight,
    Step,
    TimeoutElapsed,
    TransactionsAvailable,
    VoteReceived,
)
from ledger.types.ids import NIL, BlockID, PartSetHeader, sha256
from ledger.types.proposal import Proposal
from ledger.types.validators import Validator, ValidatorSet
from ledger.types.vote import Vote, VoteType

HEIGHT = 1
SECOND = 1_000_000_000
VALIDATORS = ValidatorSet.of(Validator.of(sha256(b"validator %d" % i), 10) for i in range(4))


def block(name: str) -> BlockID:
    digest = sha256(name.encode())
    return BlockID(digest, PartSetHeader(1, digest))


A, B, C = block("A"), block("B"), block("C")
NAMES = {NIL: "nil", A: "A", B: "B", C: "C"}


class Script:
    """We are the validator who proposes in round `proposing`; `others` are the indices of the three peers.

    Every step returns what the core asked for, in words. Own votes and proposals come back signed at once.
    """

    def __init__(self, proposing: int = 3, wait: bool = False, started: bool = True) -> None:
        address = VALIDATORS.proposer_at(proposing).address
        self.state: HeightState = new_height(HEIGHT, VALIDATORS, address)
        self.me = VALIDATORS.index_of(address)
        self.others = [i for i in range(4) if i != self.me]
        self.said: list[str] = []
        self.commit: CommitBlock | None = None
        self.evidence: list[EvidenceFound] = []
        self.earliest: dict[str, int] = {}
        if started:
            self.start(wait)

    def start(self, wait: bool = False) -> list[str]:
        return self.feed(StartHeight(HEIGHT, wait))

    def transactions(self) -> list[str]:
        return self.feed(TransactionsAvailable(HEIGHT))

    def knows(self, value: BlockID, valid: bool = True) -> list[str]:
        return self.feed(BlockKnown(HEIGHT, value, valid, SECOND))

    def made(self, value: BlockID, round_: int = 0) -> list[str]:
        return self.feed(BlockMade(HEIGHT, round_, value, SECOND))

    def proposal(
        self, value: BlockID, round_: int = 0, pol: int = -1, known: bool = True, valid: bool = True
    ) -> list[str]:
        said = self.knows(value, valid) if known else []
        return said + self.feed(ProposalReceived(Proposal(HEIGHT, round_, pol, value)))

    def prevotes(self, value: BlockID, round_: int = 0, count: int = 3, first: int = 0) -> list[str]:
        return self._votes(VoteType.PREVOTE, value, round_, count, first)

    def precommits(self, value: BlockID, round_: int = 0, count: int = 3, first: int = 0) -> list[str]:
        return self._votes(VoteType.PRECOMMIT, value, round_, count, first)

    def _votes(self, type_: VoteType, value: BlockID, round_: int, count: int, first: int) -> list[str]:
        votes = [self.vote_of(type_, value, round_, i) for i in self.others[first : first + count]]
        return [word for vote in votes for word in self.feed(VoteReceived(vote))]

    def vote_of(self, type_: VoteType, value: BlockID, round_: int, index: int) -> Vote:
        address = VALIDATORS.validators[index].address
        return Vote(type_, HEIGHT, round_, value, 2 * SECOND, address, index, bytes([index]) * 64)

    def timeout(self, step: Step, round_: int = 0) -> list[str]:
        return self.feed(TimeoutElapsed(step, HEIGHT, round_))

    def feed(self, happened: Input) -> list[str]:
        said: list[str] = []
        queue = [happened]
        while queue:
            self.state, effects = apply(self.state, queue.pop(0))
            for effect in effects:
                said += self._say(effect, queue)
        self.said += said
        return said

    def _say(self, effect: Effect, queue: list[Any]) -> list[str]:
        match effect:
            case SignVote(vote):
                word = f"{vote.type.name.lower()} {NAMES[vote.block_id]} {vote.round}"
                self.earliest[word] = vote.time_ns
                queue.append(
                    VoteReceived(replace(vote, time_ns=max(vote.time_ns, 2 * SECOND), signature=b"\x09" * 64))
                )
                return [word]
            case SignProposal(proposal):
                queue.append(ProposalReceived(replace(proposal, signature=b"\x09" * 64)))
                return [f"propose {NAMES[proposal.block_id]} {proposal.round} pol {proposal.pol_round}"]
            case MakeBlock(_, round_):
                return [f"make {round_}"]
            case ScheduleTimeout(step, _, round_):
                return [f"wait {step.name.lower()} {round_}"]
            case RequestBlock():
                return [f"request {NAMES[effect.block_id]}"]
            case CommitBlock():
                assert self.commit is None
                self.commit = effect
                return [f"commit {NAMES[effect.block_id]} {effect.round}"]
            case EvidenceFound():
                self.evidence.append(effect)
                return ["evidence"]
            case SafetyViolated():
                return ["halt"]
        return []

    @property
    def lock(self) -> tuple[str, int]:
        return NAMES[self.state.locked_value], self.state.locked_round

    @property
    def valid(self) -> tuple[str, int]:
        return NAMES[self.state.valid_value], self.state.valid_round
