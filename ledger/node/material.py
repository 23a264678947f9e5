"""What a node holds of the height in progress, so that it can hand it to a peer who missed it.

No message may stall a height by being lost: whoever is stuck asks, and gets everything that is here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ledger.node.messages import Message, ProposedBlock, Votes
from ledger.types.block import Block
from ledger.types.ids import BlockID
from ledger.types.proposal import Proposal
from ledger.types.validators import ValidatorSet
from ledger.types.vote import Vote, VoteType


@dataclass(frozen=True, slots=True)
class HeldBlock:
    """A whole block of this height, its encoding, and whether we judged it valid."""

    block: Block
    encoded: bytes
    valid: bool


@dataclass(slots=True)
class Material:
    """Blocks, signed proposals and signed votes of `height`; the first vote per place counts."""

    height: int
    blocks: dict[BlockID, HeldBlock] = field(default_factory=dict)
    proposals: dict[int, Proposal] = field(default_factory=dict)
    votes: dict[tuple[VoteType, int, int], Vote] = field(default_factory=dict)

    def knows(self, vote: Vote) -> bool:
        """Whether exactly this vote is here already."""
        return self.votes.get((vote.type, vote.round, vote.validator_index)) == vote

    def add_vote(self, vote: Vote) -> None:
        self.votes.setdefault((vote.type, vote.round, vote.validator_index), vote)

    def block_by_hash(self, block_hash: bytes) -> HeldBlock | None:
        return next((held for name, held in self.blocks.items() if name.hash == block_hash), None)

    def gave_up(self, round_: int, validators: ValidatorSet) -> bool:
        """Whether +2/3 precommitted nil in `round_`: no block can be decided there any more."""
        power = sum(
            validators.validators[index].power
            for (type_, at, index), vote in self.votes.items()
            if type_ is VoteType.PRECOMMIT and at == round_ and vote.block_id.is_nil
        )
        return validators.has_two_thirds(power)

    def for_peer(self, from_round: int) -> Iterator[Message]:
        """Everything a peer in `from_round` may need: later proposals with their blocks, and all votes."""
        rounds = [round_ for round_ in self.proposals if round_ >= from_round] or list(self.proposals)[-1:]
        for round_ in rounds:
            proposal = self.proposals[round_]
            if (held := self.blocks.get(proposal.block_id)) is not None:
                yield ProposedBlock(proposal.encode(), held.encoded)
        if self.votes:
            newest = sorted(self.votes.values(), key=lambda vote: vote.round)[-1000:]
            yield Votes(tuple(vote.encode() for vote in newest))
