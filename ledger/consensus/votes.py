"""The votes of one height, kept by round and type.

Rules
- Power counts once per validator and block. Who votes for two blocks counts towards each (the paper counts
  senders per value) but once towards "any", and is reported once as an equivocator.
- Two votes that differ only in time or signature are one vote: the first is kept.
- Of one validator's votes in a round and type MAX_VALUES are kept, and beyond them only those for what more
  than a third voted for: an equivocator's flood costs bounded memory and never hides a quorum it is part of.
- Votes of rounds more than MAX_ROUNDS_AHEAD ahead are kept only as the fact that their sender is there.
- Round to skip to (line 55): the highest round that validators with more than a third of the power have
  reached or passed. One of them is correct.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.types.ids import NIL, BlockID
from ledger.types.validators import ValidatorSet
from ledger.types.vote import Vote, VoteType

MAX_VALUES = 4
MAX_ROUNDS_AHEAD = 64


@dataclass(frozen=True, slots=True)
class VoteSet:
    """The votes of one round and type: per validator index its votes in order of arrival, and the tallies.

    `quorums` are the blocks (NIL is one) with +2/3, in the order in which they got it; more than one only if
    a third is faulty.
    """

    votes: Mapping[int, tuple[Vote, ...]] = field(default_factory=dict)
    power: Mapping[BlockID, int] = field(default_factory=dict)
    any_power: int = 0
    quorums: tuple[BlockID, ...] = ()

    def added(self, vote: Vote, validators: ValidatorSet) -> "VoteSet":
        """The set with `vote`; the same set when it says nothing new."""
        mine = self.votes.get(vote.validator_index, ())
        if any(known.block_id == vote.block_id for known in mine):
            return self
        if len(mine) >= MAX_VALUES and not validators.has_one_third(self.power.get(vote.block_id, 0)):
            return self
        power = validators.validators[vote.validator_index].power
        behind = self.power.get(vote.block_id, 0) + power
        new_quorum = validators.has_two_thirds(behind) and vote.block_id not in self.quorums
        return VoteSet(
            {**self.votes, vote.validator_index: (*mine, vote)},
            {**self.power, vote.block_id: behind},
            self.any_power if mine else self.any_power + power,
            (*self.quorums, vote.block_id) if new_quorum else self.quorums,
        )

    def for_block(self, block_id: BlockID) -> Mapping[int, Vote]:
        """Per validator index, its vote for `block_id`."""
        return {
            index: vote for index, mine in self.votes.items() for vote in mine if vote.block_id == block_id
        }


EMPTY = VoteSet()


@dataclass(frozen=True, slots=True)
class VoteKeeper:
    """All votes of a height, and the highest round in which each validator was heard.

    `decisions`: (round, block) wherever a block has +2/3 precommits, in the order in which they came
    together; for more than one block only if a third is faulty.
    """

    sets: Mapping[tuple[int, VoteType], VoteSet] = field(default_factory=dict)
    reached: Mapping[int, int] = field(default_factory=dict)
    decisions: tuple[tuple[int, BlockID], ...] = ()

    def of(self, round_: int, type_: VoteType) -> VoteSet:
        """The votes of one round and type, perhaps none."""
        return self.sets.get((round_, type_), EMPTY)

    def heard(self, index: int, round_: int) -> "VoteKeeper":
        """With the fact that the validator at `index` speaks in `round_`."""
        if self.reached.get(index, -1) >= round_:
            return self
        return VoteKeeper(self.sets, {**self.reached, index: round_}, self.decisions)

    def added(
        self, vote: Vote, validators: ValidatorSet, current_round: int
    ) -> tuple["VoteKeeper", Vote | None]:
        """With `vote`; and the earlier vote that it contradicts, the first time that its sender does so."""
        keeper = self.heard(vote.validator_index, vote.round)
        if vote.round > current_round + MAX_ROUNDS_AHEAD:
            return keeper, None
        before = keeper.of(vote.round, vote.type)
        after = before.added(vote, validators)
        if after is before:
            return keeper, None
        mine = after.votes[vote.validator_index]
        sets = {**keeper.sets, (vote.round, vote.type): after}
        decisions = keeper.decisions
        if after.quorums is not before.quorums and vote.type is VoteType.PRECOMMIT and vote.block_id != NIL:
            decisions = (*decisions, (vote.round, vote.block_id))
        return VoteKeeper(sets, keeper.reached, decisions), mine[0] if len(mine) == 2 else None

    def polka(self, round_: int) -> BlockID | None:
        """What has +2/3 prevotes in `round_`, NIL included, or None."""
        quorums = self.of(round_, VoteType.PREVOTE).quorums
        return quorums[0] if quorums else None

    def has_any_two_thirds(self, round_: int, type_: VoteType, validators: ValidatorSet) -> bool:
        """Whether +2/3 voted in this round and type, for whatever."""
        return validators.has_two_thirds(self.of(round_, type_).any_power)

    def skip_target(self, round_: int, validators: ValidatorSet) -> int | None:
        """The round beyond `round_` to skip to, or None (line 55)."""
        if not self.reached or max(self.reached.values()) <= round_:
            return None
        power = 0
        ahead = sorted([(r, i) for i, r in self.reached.items() if r > round_], reverse=True)
        for reached, index in ahead:
            power += validators.validators[index].power
            if validators.has_one_third(power):
                return reached
        return None
