"""The consensus of one height: `apply(state, input) -> (state, effects)`, pure.

Rules
- An input is first taken into the state, then the rules of `ledger.consensus.round` fire until none applies.
- Round 0 may wait for something to decide; a proposal or vote of anybody ends the wait.
- Inputs of other heights, unknown validators and ended rounds change nothing. What peers send never raises.
- After the decision only late precommits are taken in, for the commit's sake.
"""

from collections.abc import Callable
from typing import Any

from ledger.consensus.effects import Effect, EvidenceFound
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
from ledger.consensus.round import (
    RULES,
    Rule,
    commit_of,
    precommit,
    prevote,
    propose_made,
    settle,
    start_round,
)
from ledger.consensus.state import HeightState, KnownBlock, Transition
from ledger.consensus.votes import MAX_ROUNDS_AHEAD
from ledger.types.block import Commit
from ledger.types.ids import NIL, BlockID
from ledger.types.validators import ValidatorSet

__all__ = ["HeightState", "apply", "new_height", "seen_commit"]


def new_height(height: int, validators: ValidatorSet, address: bytes) -> HeightState:
    """The state before `StartHeight`. `address` is our validator's; an observer gives b"" and never votes."""
    return HeightState(height, validators, address)


def apply(
    state: HeightState, happened: Input, rules: tuple[Rule, ...] = RULES
) -> tuple[HeightState, tuple[Effect, ...]]:
    """The state after `happened` and what the host must do, in order. Never raises for what peers send."""
    if state.halted:
        return state, ()
    before = state
    state, first = _HANDLERS[type(happened)](state, happened)
    if state is before:
        return state, first  # nothing was taken in, and no rule applied before
    state, then = settle(state, rules)
    return state, first + then


def seen_commit(state: HeightState) -> Commit:
    """The decided commit with every precommit seen until now: the last commit of the block that follows.

    Raises ValueError before the decision.
    """
    if state.decision is None:
        raise ValueError(f"height {state.height} is not decided")
    return commit_of(state, *state.decision)


def _on_start(state: HeightState, happened: StartHeight) -> Transition:
    """Line 10. Votes that came before the start end the wait at once."""
    if happened.height != state.height or state.started:
        return state, ()
    state = state.with_(started=True)
    if happened.wait and not state.votes.reached:
        return state, ()
    return start_round(state, 0)


def _on_transactions(state: HeightState, happened: TransactionsAvailable) -> Transition:
    return _woken(state) if happened.height == state.height else (state, ())


def _on_block_made(state: HeightState, happened: BlockMade) -> Transition:
    if happened.height != state.height:
        return state, ()
    state = _with_block(state, happened.block_id, KnownBlock(True, happened.time_ns))
    ours = state.proposer == state.address and state.round not in state.proposals
    if happened.round == state.round and state.step is Step.PROPOSE and ours:
        return propose_made(state, happened.block_id)
    return state, ()


def _on_block_known(state: HeightState, happened: BlockKnown) -> Transition:
    if happened.height != state.height:
        return state, ()
    return _with_block(state, happened.block_id, KnownBlock(happened.valid, happened.time_ns)), ()


def _on_proposal(state: HeightState, happened: ProposalReceived) -> Transition:
    """The first proposal of a round counts; a proposer that sends two is outvoted or ends its round."""
    proposal = happened.proposal
    if proposal.height != state.height or state.decision is not None:
        return state, ()
    if proposal.round > state.round + MAX_ROUNDS_AHEAD or proposal.round in state.proposals:
        return state, ()
    index = state.validators.index_of(state.validators.proposer_at(proposal.round).address)
    votes = state.votes if index is None else state.votes.heard(index, proposal.round)
    return _woken(state.with_(votes=votes, proposals={**state.proposals, proposal.round: proposal}))


def _on_vote(state: HeightState, happened: VoteReceived) -> Transition:
    vote = happened.vote
    validator = state.validators.get(vote.validator_index)
    if vote.height != state.height or validator is None or validator.address != vote.validator_address:
        return state, ()
    votes, contradicted = state.votes.added(vote, state.validators, state.round)
    if votes is state.votes:
        return state, ()
    state, effects = _woken(state.with_(votes=votes))
    evidence = (EvidenceFound(contradicted, vote),) if contradicted else ()
    return state, effects + evidence


def _on_timeout(state: HeightState, happened: TimeoutElapsed) -> Transition:
    """Lines 57-67."""
    if (happened.height, happened.round) != (state.height, state.round) or state.decision is not None:
        return state, ()
    if happened.step is Step.PROPOSE and state.step is Step.PROPOSE:
        return prevote(state, NIL)
    if happened.step is Step.PREVOTE and state.step is Step.PREVOTE:
        return precommit(state, NIL)
    if happened.step is Step.PRECOMMIT and state.started:
        return start_round(state, state.round + 1)
    return state, ()


def _woken(state: HeightState) -> Transition:
    return start_round(state, 0) if state.started and state.step is Step.WAITING else (state, ())


def _with_block(state: HeightState, block_id: BlockID, known: KnownBlock) -> HeightState:
    if block_id in state.blocks:
        return state
    return state.with_(blocks={**state.blocks, block_id: known})


_HANDLERS: dict[type, Callable[[HeightState, Any], Transition]] = {
    StartHeight: _on_start,
    TransactionsAvailable: _on_transactions,
    BlockMade: _on_block_made,
    BlockKnown: _on_block_known,
    ProposalReceived: _on_proposal,
    VoteReceived: _on_vote,
    TimeoutElapsed: _on_timeout,
}
