"""The rules of a round: Algorithm 1 of arXiv 1807.04938, each labelled by its lines.

Rules
- Each rule looks at the state alone: it fires, giving the next state and effects, or returns None.
- `settle` fires rules until none does; the order of RULES decides when several could.
- A block stands for `v` and its BlockID for `id(v)`. 2f+1 votes for id(v) stand for the proposal itself in
  lines 36 and 49: f+1 correct validators have seen it, so the block is enough.
- As in the paper and unlike CometBFT v0.38, a polka for nil or for an unknown block does not unlock.
- Everybody, the proposer too, schedules the propose timeout: a proposer that cannot build a block moves on.
"""

from collections.abc import Callable

from ledger.consensus.effects import (
    CommitBlock,
    Effect,
    MakeBlock,
    RequestBlock,
    SafetyViolated,
    ScheduleTimeout,
    SignProposal,
    SignVote,
    StepEntered,
)
from ledger.consensus.inputs import Step
from ledger.consensus.state import HeightState, Transition
from ledger.types.block import ABSENT, Commit, CommitSig
from ledger.types.ids import NIL, NO_TIME_NS, BlockID
from ledger.types.proposal import Proposal
from ledger.types.vote import Vote, VoteType

ONE_MS = 1_000_000
Rule = Callable[[HeightState], Transition | None]


def start_round(state: HeightState, round_: int) -> Transition:
    """Lines 11-21: enter `round_`; propose if it is our turn, and wait for the proposal."""
    state = state.with_(round=round_, step=Step.PROPOSE)
    effects: list[Effect] = [StepEntered(state.height, round_, Step.PROPOSE)]
    if state.proposer == state.address:
        if state.valid_value != NIL:
            effects.append(SignProposal(_proposal(state, state.valid_round, state.valid_value)))
        else:
            effects.append(MakeBlock(state.height, round_))
    effects.append(ScheduleTimeout(Step.PROPOSE, state.height, round_))
    return state, tuple(effects)


def propose_made(state: HeightState, block_id: BlockID) -> Transition:
    """Line 19 for a block just built by the host."""
    return state, (SignProposal(_proposal(state, -1, block_id)),)


def on_new_proposal(state: HeightState) -> Transition | None:
    """Lines 22-27: a proposal without a polka: prevote it if it is valid and we are not locked elsewhere."""
    proposal = state.proposals.get(state.round)
    if state.step is not Step.PROPOSE or proposal is None or proposal.pol_round != -1:
        return None
    if proposal.block_id not in state.blocks:
        return None
    free = state.locked_round == -1 or state.locked_value == proposal.block_id
    return prevote(state, proposal.block_id if free and state.knows_valid(proposal.block_id) else NIL)


def on_old_proposal(state: HeightState) -> Transition | None:
    """Lines 28-33: a proposal with a polka in an earlier round vr: it frees a lock of vr or before."""
    proposal = state.proposals.get(state.round)
    if state.step is not Step.PROPOSE or proposal is None or not 0 <= proposal.pol_round < state.round:
        return None
    if proposal.block_id not in state.blocks:
        return None
    if state.votes.polka(proposal.pol_round) != proposal.block_id:
        return None
    free = state.locked_round <= proposal.pol_round or state.locked_value == proposal.block_id
    return prevote(state, proposal.block_id if free and state.knows_valid(proposal.block_id) else NIL)


def on_any_prevotes(state: HeightState) -> Transition | None:
    """Lines 34-35: +2/3 prevoted, for whatever: wait only so long for them to agree."""
    if state.step is not Step.PREVOTE or ("prevote wait", state.round) in state.once:
        return None
    if not state.votes.has_any_two_thirds(state.round, VoteType.PREVOTE, state.validators):
        return None
    wait = ScheduleTimeout(Step.PREVOTE, state.height, state.round)
    return state.marked("prevote wait", state.round), (wait,)


def on_polka(state: HeightState) -> Transition | None:
    """Lines 36-43: +2/3 prevoted a valid block: lock it and precommit, or at least remember it as valid."""
    if state.step not in (Step.PREVOTE, Step.PRECOMMIT) or ("polka", state.round) in state.once:
        return None
    value = state.votes.polka(state.round)
    if value is None or value == NIL or not state.knows_valid(value):
        return None
    lock = state.step is Step.PREVOTE
    state = state.marked("polka", state.round).with_(valid_value=value, valid_round=state.round)
    if not lock:
        return state, ()
    return precommit(state.with_(locked_value=value, locked_round=state.round), value)


def on_nil_polka(state: HeightState) -> Transition | None:
    """Lines 44-46: +2/3 prevoted nil: precommit nil."""
    if state.step is not Step.PREVOTE or state.votes.polka(state.round) != NIL:
        return None
    return precommit(state, NIL)


def on_any_precommits(state: HeightState) -> Transition | None:
    """Lines 47-48: +2/3 precommitted, for whatever: wait only so long before the next round."""
    if ("precommit wait", state.round) in state.once:
        return None
    if not state.votes.has_any_two_thirds(state.round, VoteType.PRECOMMIT, state.validators):
        return None
    wait = ScheduleTimeout(Step.PRECOMMIT, state.height, state.round)
    return state.marked("precommit wait", state.round), (wait,)


def on_decision(state: HeightState) -> Transition | None:
    """Lines 49-54: +2/3 precommitted a valid block, in any round: decide."""
    if not state.votes.decisions:
        return None
    decisions = {value: round_ for round_, value in state.votes.decisions}
    if len(decisions) > 1:
        return violated(state, "+2/3 precommits for two different blocks")
    for value, round_ in decisions.items():
        known = state.blocks.get(value)
        if known is None:
            continue
        if not known.valid:
            return violated(state, "+2/3 precommits for a block that is invalid here")
        state = state.with_(decision=(round_, value), step=Step.COMMIT)
        decided = CommitBlock(state.height, round_, value, commit_of(state, round_, value))
        return state, (StepEntered(state.height, state.round, Step.COMMIT), decided)
    return None


def on_missing_block(state: HeightState) -> Transition | None:
    """A block with +2/3 prevotes in this round, or +2/3 precommits in any, that we lack: ask for it."""
    wanted = list(state.votes.decisions)
    polka = state.votes.polka(state.round)
    if polka is not None and polka != NIL:
        wanted.append((state.round, polka))
    for round_, value in wanted:
        if value not in state.blocks and ("request", value) not in state.once:
            return state.marked("request", value), (RequestBlock(state.height, round_, value),)
    return None


def on_later_round(state: HeightState) -> Transition | None:
    """Lines 55-56: validators with f+1 of the power are in a later round: join them."""
    target = state.votes.skip_target(state.round, state.validators)
    return None if target is None else start_round(state, target)


def on_second_decision(state: HeightState) -> Transition | None:
    """After a decision: +2/3 precommits for another block mean that more than a third signed both."""
    for _round, value in state.votes.decisions:
        if state.decision is not None and value != state.decision[1]:
            return violated(state, "+2/3 precommits for two different blocks")
    return None


RULES: tuple[Rule, ...] = (
    on_decision,
    on_missing_block,
    on_later_round,
    on_new_proposal,
    on_old_proposal,
    on_polka,
    on_nil_polka,
    on_any_prevotes,
    on_any_precommits,
)


def settle(state: HeightState, rules: tuple[Rule, ...] = RULES) -> Transition:
    """Fire rules until none applies; effects in the order in which they arose."""
    effects: list[Effect] = []
    while (fired := _fire(state, rules)) is not None:
        state, more = fired
        effects.extend(more)
    return state, tuple(effects)


def _fire(state: HeightState, rules: tuple[Rule, ...]) -> Transition | None:
    if state.halted or not state.started or state.step is Step.WAITING:
        return None
    if state.decision is not None:
        return on_second_decision(state)
    for rule in rules:
        fired = rule(state)
        if fired is not None:
            return fired
    return None


def prevote(state: HeightState, value: BlockID) -> Transition:
    """Prevote `value` and move to the prevote step (lines 24-27, 30-33, 59-60)."""
    return _vote(state, VoteType.PREVOTE, value, Step.PREVOTE)


def precommit(state: HeightState, value: BlockID) -> Transition:
    """Precommit `value` and move to the precommit step (lines 40-41, 45-46, 63-64)."""
    return _vote(state, VoteType.PRECOMMIT, value, Step.PRECOMMIT)


def _vote(state: HeightState, type_: VoteType, value: BlockID, step: Step) -> Transition:
    entered = StepEntered(state.height, state.round, step)
    index = state.validators.index_of(state.address)
    state = state.with_(step=step)
    if index is None:
        return state, (entered,)
    earliest = _earliest_time(state)
    vote = Vote(type_, state.height, state.round, value, earliest, state.address, index)
    return state, (entered, SignVote(vote))


def _earliest_time(state: HeightState) -> int:
    """A vote is later than the block it may decide, so that block times grow (CometBFT's voteTime)."""
    proposal = state.proposals.get(state.round)
    value = state.locked_value if state.locked_round >= 0 else proposal.block_id if proposal else NIL
    known = state.blocks.get(value)
    return known.time_ns + ONE_MS if known else NO_TIME_NS


def _proposal(state: HeightState, pol_round: int, value: BlockID) -> Proposal:
    return Proposal(state.height, state.round, pol_round, value)


def commit_of(state: HeightState, round_: int, value: BlockID) -> Commit:
    """The commit of `value` from the precommits of `round_` held now, one slot per validator.

    A precommit for nil fills its slot only if it is later than the block: else a slow clock in it could pull
    the next block's time back to this one's, and no valid block could follow.
    """
    votes = state.votes.of(round_, VoteType.PRECOMMIT)
    chosen = votes.for_block(value)
    nils = votes.for_block(NIL)
    block_time = state.blocks[value].time_ns
    slots = []
    for index in range(len(state.validators)):
        vote = chosen.get(index)
        if vote is None and index in nils and nils[index].time_ns > block_time:
            vote = nils[index]
        slots.append(ABSENT if vote is None else CommitSig.of(vote))
    return Commit(state.height, round_, value, tuple(slots))


def violated(state: HeightState, reason: str) -> Transition:
    """More than a third is faulty: halt rather than fork."""
    return state.with_(halted=True), (SafetyViolated(state.height, state.round, reason),)
