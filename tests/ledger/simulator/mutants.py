"""Bugs planted on purpose: a simulator that does not find them proves nothing."""

from dataclasses import dataclass, replace

from ledger.consensus.inputs import Step
from ledger.consensus.round import RULES, Rule, on_new_proposal, on_polka, precommit, prevote
from ledger.consensus.state import HeightState, Transition
from ledger.types.ids import NIL
from ledger.types.validators import Validator, ValidatorSet
from tests.ledger.simulator import profile as profiles
from tests.ledger.simulator.blocks import MakeSet
from tests.ledger.simulator.cluster import Cluster
from tests.ledger.simulator.profile import Profile
from tests.ledger.simulator.validator import Bugs


class TwoFaultsSet(ValidatorSet):
    """Counts 2f instead of 2f+1 as a quorum."""

    def has_two_thirds(self, power: int) -> bool:
        return 2 * power >= self.total_power


def two_faults(validators: list[Validator]) -> ValidatorSet:
    honest = ValidatorSet.of(validators)
    return TwoFaultsSet(honest.validators, honest.proposer)


def _forgetful_proposal(state: HeightState) -> Transition | None:
    """Line 23 without the lock."""
    proposal = state.proposals.get(state.round)
    if state.step is not Step.PROPOSE or proposal is None or proposal.pol_round != -1:
        return None
    if proposal.block_id not in state.blocks:
        return None
    return prevote(state, proposal.block_id if state.knows_valid(proposal.block_id) else NIL)


def _unlocking_polka(state: HeightState) -> Transition | None:
    """Lines 36-43 that precommit without locking or remembering."""
    if state.step is not Step.PREVOTE:
        return None
    value = state.votes.polka(state.round)
    if value is None or value == NIL or not state.knows_valid(value):
        return None
    return precommit(state, value)


def _believing_proposal(state: HeightState) -> Transition | None:
    """Line 23 that takes every block for valid."""
    believed = {key: replace(known, valid=True) for key, known in state.blocks.items()}
    return on_new_proposal(state.with_(blocks=believed))


def _with(old: Rule, new: Rule) -> tuple[Rule, ...]:
    return tuple(new if rule is old else rule for rule in RULES)


@dataclass(frozen=True)
class Planted:
    """A bug, the days that bring it to light, and the words of the violation that it must cause."""

    bugs: Bugs
    profile: Profile
    found_as: str
    make_set: MakeSet = ValidatorSet.of

    def cluster(self, seed: int, profile: Profile | None = None) -> Cluster:
        """A run with this bug in every validator."""
        return Cluster(seed, profile or self.profile, self.bugs, self.make_set)


PLANTED = {
    "quorum of 2f": Planted(
        Bugs(), replace(profiles.LIGHT, partitions=3, loss=0.3), "fork|halted", two_faults
    ),
    "quorum of 2f, twins": Planted(Bugs(), profiles.TWINS, "fork|halted", two_faults),
    "lock ignored": Planted(
        Bugs(_with(on_new_proposal, _forgetful_proposal)), profiles.HIDDEN, "fork|halted"
    ),
    "lock dropped": Planted(Bugs(_with(on_polka, _unlocking_polka)), profiles.HIDDEN, "fork|halted"),
    "broadcast before log": Planted(Bugs(says_before_log=True), profiles.POWER, "forgotten"),
    "guard ahead of log": Planted(Bugs(signs_before_log=True), profiles.OUTAGE, "no progress"),
    "double-sign guard off": Planted(Bugs(guarded=False), profiles.WIPED, "two voices"),
    "invalid blocks believed": Planted(
        Bugs(_with(on_new_proposal, _believing_proposal)), profiles.LIGHT, "invalid|halted"
    ),
}
