"""Bugs planted on purpose: a simulator that does not find them proves nothing."""

from dataclasses import replace

from ledger.consensus.inputs import Step
from ledger.consensus.round import RULES, Rule, on_new_proposal, on_polka, precommit, prevote
from ledger.consensus.state import HeightState, Transition
from ledger.types.ids import NIL
from ledger.types.validators import Validator, ValidatorSet


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


def _with(old: Rule, new: Rule) -> tuple[Rule, ...]:
    return tuple(new if rule is old else rule for rule in RULES)


LOCK_IGNORED = _with(on_new_proposal, _forgetful_proposal)
LOCK_DROPPED = _with(on_polka, _unlocking_polka)
NO_VALIDITY = tuple(
    (lambda state: on_new_proposal(_believing(state))) if rule is on_new_proposal else rule for rule in RULES
)


def _believing(state: HeightState) -> HeightState:
    """Takes every block for valid once it prevotes."""
    return state.with_(blocks={key: replace(known, valid=True) for key, known in state.blocks.items()})
