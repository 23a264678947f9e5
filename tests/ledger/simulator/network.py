"""Who hears whom, and when: loss, delay, partitions by time and, as in the Twins paper, by round."""

import random
from collections.abc import Iterable

from ledger.consensus.inputs import Input, ProposalReceived, VoteReceived
from ledger.types.vote import VoteType
from tests.ledger.simulator.profile import Profile

CALM_DELAY = 20


class Network:
    """The network of one run. Until the calm it loses and parts; then everything arrives within 20 ms."""

    def __init__(self, profile: Profile, seed_random: random.Random, instances: int) -> None:
        self._profile, self._random = profile, seed_random.random
        self.cut: frozenset[int] = frozenset()
        self._groups = [
            [int(self._random() * 3) for _ in range(instances)] for _ in range(profile.split_rounds)
        ]

    def part(self, instances: int) -> None:
        """Cut the instances into two sides."""
        self.cut = frozenset(one for one in range(instances) if self._random() < 0.5)

    def heal(self) -> None:
        self.cut = frozenset()

    def delay(self, now: int, sender: int, hearer: int, inputs: Iterable[Input]) -> int | None:
        """Milliseconds until the hearer has it, None when it is lost."""
        if now >= self._profile.calm_at:
            return 1 + int(self._random() * CALM_DELAY)
        if (sender in self.cut) != (hearer in self.cut) or self._random() < self._profile.loss:
            return None
        if self._profile.hidden and _is_precommit(inputs) and self._random() < self._profile.hidden:
            return None
        if self._groups and any(self._parted(sender, hearer, _round_of(one)) for one in inputs):
            return None
        return 1 + int(self._random() * self._profile.delay)

    def _parted(self, sender: int, hearer: int, round_: int) -> bool:
        if not 0 <= round_ < len(self._groups):
            return False
        groups = self._groups[round_]
        return groups[sender] != groups[hearer]


def _is_precommit(inputs: Iterable[Input]) -> bool:
    return any(isinstance(one, VoteReceived) and one.vote.type is VoteType.PRECOMMIT for one in inputs)


def _round_of(happened: Input) -> int:
    if isinstance(happened, VoteReceived):
        return happened.vote.round
    return happened.proposal.round if isinstance(happened, ProposalReceived) else -1
