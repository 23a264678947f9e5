"""The scenarios of CometBFT's consensus/state_test.go and of malachite's core, by their names, as scripts.

Where CometBFT v0.38 unlocks on a polka that it cannot follow, the paper keeps the lock; so do the scripts.
`Script(proposing=r)` is the validator whose turn is round r; peers are named by their order.
"""

from dataclasses import replace

from ledger.consensus.height import apply, seen_commit
from ledger.consensus.inputs import ProposalReceived, StartHeight, Step, VoteReceived
from ledger.consensus.timeouts import TimeoutPolicy
from ledger.consensus.votes import MAX_ROUNDS_AHEAD, MAX_VALUES
from ledger.types.block import BlockIDFlag
from ledger.types.ids import NIL
from ledger.types.proposal import Proposal
from ledger.types.vote import VoteType
from tests.ledger.consensus.script import HEIGHT, NAMES, SECOND, VALIDATORS, A, B, C, Script, block


def locked_on_a(proposing: int = 3) -> Script:
    """Round 0 gave a polka for A and three precommits in disagreement; we are locked on A, in round 1."""
    script = Script(proposing)
    script.proposal(A)
    script.prevotes(A)
    script.precommits(NIL)
    script.timeout(Step.PRECOMMIT, 0)
    assert (script.lock, script.state.round) == (("A", 0), 1)
    return script


# -- full rounds ---------------------------------------------------------------------------------------------


def test_full_round_1_proposer_decides_its_own_block() -> None:
    script = Script(proposing=0)
    assert script.said == ["make 0", "wait propose 0"]
    assert script.made(A) == ["propose A 0 pol -1", "prevote A 0"]
    assert script.prevotes(A, count=2) == ["precommit A 0"]
    assert script.precommits(A, count=2) == ["commit A 0"]


def test_full_round_2_follower_decides_the_proposers_block() -> None:
    script = Script()
    assert script.said == ["wait propose 0"]
    assert script.proposal(A) == ["prevote A 0"]
    assert script.prevotes(A, count=2) == ["precommit A 0"]
    assert script.precommits(A, count=2) == ["commit A 0"]


def test_full_round_nil_moves_to_the_next_round() -> None:
    script = Script()
    assert script.timeout(Step.PROPOSE) == ["prevote nil 0"]
    assert script.prevotes(NIL, count=2) == ["precommit nil 0"]
    assert script.precommits(NIL, count=2) == ["wait precommit 0"]
    assert script.timeout(Step.PRECOMMIT) == ["wait propose 1"]


def test_bad_proposal_is_prevoted_nil() -> None:
    assert Script().proposal(A, valid=False) == ["prevote nil 0"]


def test_proposal_waits_for_its_block_and_then_for_the_timeout() -> None:
    script = Script()
    assert script.proposal(A, known=False) == []
    assert script.knows(A) == ["prevote A 0"]
    late = Script()
    late.proposal(A, known=False)
    assert late.timeout(Step.PROPOSE) == ["prevote nil 0"]
    assert late.knows(A) == []


def test_proposal_of_another_round_is_kept_for_that_round() -> None:
    script = Script()
    assert script.proposal(A, round_=1) == []
    script.prevotes(NIL)
    script.timeout(Step.PROPOSE)
    script.precommits(NIL)
    assert script.timeout(Step.PRECOMMIT) == ["wait propose 1", "prevote A 1"]


def test_proposer_late_with_its_block_does_not_propose_in_a_round_that_is_over() -> None:
    script = Script(proposing=0)
    script.timeout(Step.PROPOSE)
    assert script.made(A) == []


# -- locking -------------------------------------------------------------------------------------------------


def test_lock_no_pol_locked_validator_prevotes_nil_for_another_block() -> None:
    script = locked_on_a()
    assert script.proposal(B, round_=1) == ["prevote nil 1"]
    assert script.lock == ("A", 0)


def test_locked_validator_prevotes_its_own_block_again() -> None:
    assert locked_on_a().proposal(A, round_=1) == ["prevote A 1"]


def test_lock_pol_relock_a_polka_for_another_block_in_a_later_round_moves_the_lock() -> None:
    script = locked_on_a()
    script.proposal(B, round_=1)
    assert script.prevotes(B, round_=1) == ["wait prevote 1", "precommit B 1"]
    assert script.lock == ("B", 1)


def test_lock_pol_unlock_a_polka_for_nil_precommits_nil_and_keeps_the_lock() -> None:
    script = locked_on_a()
    script.timeout(Step.PROPOSE, 1)
    assert script.prevotes(NIL, round_=1, count=2) == ["precommit nil 1"]
    assert script.lock == ("A", 0)


def test_lock_pol_unlock_on_unknown_block_asks_for_it_and_keeps_the_lock() -> None:
    script = locked_on_a()
    script.timeout(Step.PROPOSE, 1)
    assert script.prevotes(B, round_=1) == ["wait prevote 1", "request B"]
    assert script.timeout(Step.PREVOTE, 1) == ["precommit nil 1"]
    assert script.lock == ("A", 0)
    script.knows(B)
    assert script.valid == ("B", 1)


def test_unknown_block_that_arrives_in_time_is_locked() -> None:
    script = locked_on_a()
    script.timeout(Step.PROPOSE, 1)
    script.prevotes(B, round_=1)
    assert script.knows(B) == ["precommit B 1"]
    assert script.lock == ("B", 1)


def test_lock_pol_safety_1_an_old_polka_does_not_free_a_newer_lock() -> None:
    """We lock B in round 1; a proposal of A with the polka of round 0 must not win us."""
    script = Script()
    script.prevotes(A, round_=0)
    script.timeout(Step.PROPOSE, 0)
    script.precommits(NIL)
    script.timeout(Step.PRECOMMIT, 0)
    script.proposal(B, round_=1)
    script.prevotes(B, round_=1)
    script.precommits(NIL, round_=1)
    script.timeout(Step.PRECOMMIT, 1)
    assert (script.lock, script.state.round) == (("B", 1), 2)
    assert script.proposal(A, round_=2, pol=0) == ["prevote nil 2"]


def test_lock_pol_safety_2_a_newer_polka_frees_an_older_lock() -> None:
    """Locked on A in round 0; B got a polka in round 1, seen too late to lock it; round 2 proposes B."""
    script = locked_on_a()
    script.timeout(Step.PROPOSE, 1)
    script.timeout(Step.PREVOTE, 1)
    script.precommits(NIL, round_=1)
    script.timeout(Step.PRECOMMIT, 1)
    assert script.state.round == 2
    assert script.proposal(B, round_=2, pol=1) == []
    assert script.prevotes(B, round_=1) == ["prevote B 2"]
    assert script.lock == ("A", 0)


def test_line_28_a_claimed_polka_that_we_never_see_wins_nothing() -> None:
    script = locked_on_a()
    script.precommits(NIL, round_=1)
    script.timeout(Step.PRECOMMIT, 1)
    assert script.proposal(B, round_=2, pol=1) == []
    assert script.timeout(Step.PROPOSE, 2) == ["prevote nil 2"]


def test_line_28_a_polka_for_another_block_than_the_proposed_wins_nothing() -> None:
    script = locked_on_a()
    script.timeout(Step.PROPOSE, 1)
    script.prevotes(B, round_=1)
    script.precommits(NIL, round_=1)
    script.timeout(Step.PREVOTE, 1)
    script.timeout(Step.PRECOMMIT, 1)
    assert script.proposal(C, round_=2, pol=1) == []


def test_hidden_lock_the_proposer_learns_the_valid_block_from_late_prevotes() -> None:
    """A validator alone holds a lock; its polka reaches us after our nil: we propose that block again."""
    script = Script(proposing=1)
    script.proposal(A)
    script.prevotes(NIL, count=2)
    assert script.timeout(Step.PREVOTE) == ["precommit nil 0"]
    script.feed(VoteReceived(script.vote_of(VoteType.PREVOTE, A, 0, script.others[2])))
    assert script.valid == ("nil", -1)
    for index in script.others[:2]:  # their second votes: equivocators count towards each value
        script.feed(VoteReceived(script.vote_of(VoteType.PREVOTE, A, 0, index)))
    assert script.valid == ("A", 0)
    assert script.lock == ("nil", -1)
    script.precommits(NIL)
    assert script.timeout(Step.PRECOMMIT)[:1] == ["propose A 1 pol 0"]


def test_propose_valid_block_the_proposer_offers_what_had_a_polka() -> None:
    script = locked_on_a(proposing=1)
    assert "propose A 1 pol 0" in script.said
    assert "make 1" not in script.said


def test_set_valid_block_on_delayed_prevote() -> None:
    script = Script()
    script.proposal(A)
    script.prevotes(A, count=1)
    script.prevotes(NIL, count=1, first=1)
    script.timeout(Step.PREVOTE)
    assert script.valid == ("nil", -1)
    script.prevotes(A, count=1, first=2)
    assert (script.valid, script.lock) == (("A", 0), ("nil", -1))


def test_set_valid_block_on_delayed_proposal() -> None:
    script = Script()
    script.timeout(Step.PROPOSE)
    assert script.prevotes(A) == ["wait prevote 0", "request A"]
    assert script.timeout(Step.PREVOTE) == ["precommit nil 0"]
    script.proposal(A)
    assert (script.valid, script.lock) == (("A", 0), ("nil", -1))


def test_line_26_an_invalid_block_is_not_locked_even_with_a_polka() -> None:
    script = Script()
    script.proposal(A, valid=False)
    script.prevotes(A)
    assert script.timeout(Step.PREVOTE) == ["precommit nil 0"]
    assert script.lock == ("nil", -1)


def test_line_32_a_polka_older_than_our_lock_is_answered_with_nil() -> None:
    script = Script()
    script.prevotes(A, round_=0)
    script.timeout(Step.PROPOSE, 0)
    script.precommits(NIL)
    script.timeout(Step.PRECOMMIT, 0)
    script.proposal(B, round_=1)
    script.prevotes(B, round_=1)
    script.precommits(NIL, round_=1)
    script.timeout(Step.PRECOMMIT, 1)
    assert script.proposal(A, round_=2, pol=0) == ["prevote nil 2"]


def test_line_32_an_invalid_block_with_an_old_polka_is_answered_with_nil() -> None:
    script = Script()
    script.prevotes(C, round_=0)
    script.timeout(Step.PROPOSE, 0)
    script.precommits(NIL)
    script.timeout(Step.PRECOMMIT, 0)
    assert script.proposal(C, round_=1, pol=0, valid=False)[0] == "prevote nil 1"


def test_line_36_locks_once_per_round() -> None:
    script = Script()
    script.proposal(A)
    assert script.prevotes(A, count=2) == ["precommit A 0"]
    assert script.prevotes(A, count=1, first=2) == []


# -- waiting -------------------------------------------------------------------------------------------------


def test_waiting_timeout_on_nil_polka() -> None:
    script = Script()
    script.timeout(Step.PROPOSE)
    script.prevotes(NIL)
    script.precommits(NIL, count=2)
    assert "wait precommit 0" in script.said


def test_waiting_timeout_on_disagreeing_prevotes_precommits_nil() -> None:
    script = Script()
    script.proposal(A)
    assert script.prevotes(NIL, count=2) == ["wait prevote 0"]
    assert script.timeout(Step.PREVOTE) == ["precommit nil 0"]


def test_waiting_timeout_propose_on_new_round_after_a_skip() -> None:
    script = Script()
    assert script.prevotes(NIL, round_=1, count=2) == ["wait propose 1"]
    assert script.timeout(Step.PROPOSE, 1)[0] == "prevote nil 1"


def test_late_and_foreign_timeouts_do_nothing() -> None:
    script = Script()
    script.proposal(A)
    for step in (Step.PROPOSE, Step.WAITING, Step.COMMIT):
        assert script.timeout(step) == []
    assert script.timeout(Step.PRECOMMIT, 3) == []


def test_idle_height_is_silent_until_there_is_something_to_decide() -> None:
    script = Script(proposing=0, wait=True)
    assert script.said == []
    assert script.timeout(Step.PROPOSE) == []
    assert script.transactions() == ["make 0", "wait propose 0"]
    assert script.transactions() == []


def test_idle_validator_is_woken_by_a_proposal_or_a_vote() -> None:
    script = Script(wait=True)
    assert script.proposal(A) == ["wait propose 0", "prevote A 0"]
    voted = Script(proposing=0, wait=True)
    assert voted.prevotes(NIL, count=1) == ["make 0", "wait propose 0"]


def test_votes_before_the_start_are_kept_and_end_the_wait() -> None:
    script = Script(started=False)
    script.proposal(A)
    script.prevotes(A)
    assert script.said == []
    assert script.start(wait=True) == ["wait propose 0", "prevote A 0", "precommit A 0"]
    assert script.start() == []


def test_wait_timeout_propose_on_nil_polka_for_the_current_round() -> None:
    """A polka for nil in our round does not end the wait for its proposal; the timeout does."""
    script = Script()
    assert script.prevotes(NIL) == []
    assert script.state.step is Step.PROPOSE
    assert script.timeout(Step.PROPOSE) == ["prevote nil 0", "precommit nil 0"]


def test_start_next_height_correctly_after_timeout_the_decision_outlives_the_timer() -> None:
    script = Script()
    script.proposal(A)
    script.prevotes(A)
    script.precommits(NIL, count=1)
    script.precommits(A, count=2, first=1)
    assert script.commit is not None
    assert script.timeout(Step.PRECOMMIT) == []
    assert script.state.step is Step.COMMIT


# -- rounds and decisions ------------------------------------------------------------------------------------


def test_line_55_a_third_in_a_later_round_is_followed_and_less_is_not() -> None:
    script = Script()
    assert script.prevotes(NIL, round_=2, count=1) == []
    assert script.precommits(NIL, round_=5, count=1) == []
    assert script.precommits(NIL, round_=3, count=1, first=1) == ["make 3", "wait propose 3"]


def test_one_liar_cannot_drag_us_to_a_far_round() -> None:
    script = Script()
    script.precommits(NIL, round_=10**6, count=1)
    assert script.state.round == 0
    assert (10**6, VoteType.PRECOMMIT) not in script.state.votes.sets
    script.precommits(NIL, round_=1, count=1, first=1)
    assert script.state.round == 1


def test_round_skip_on_nil_polka_from_higher_round() -> None:
    script = Script()
    script.precommits(NIL, round_=1, count=3)
    assert script.state.round == 1
    assert "wait precommit 1" in script.said


def test_commit_from_previous_round() -> None:
    script = Script()
    script.prevotes(NIL, round_=1, count=2)
    script.knows(A)
    assert script.precommits(A, round_=0) == ["commit A 0"]
    assert script.state.step is Step.COMMIT


def test_decide_for_past_round_while_locked_elsewhere_is_a_decision_all_the_same() -> None:
    script = locked_on_a()
    script.knows(B)
    assert script.precommits(B, round_=2)[-1] == "commit B 2"


def test_emit_new_valid_block_event_on_commit_without_block_asks_for_it_and_commits_when_it_comes() -> None:
    script = Script()
    assert "request A" in script.precommits(A)
    assert script.commit is None
    assert script.knows(A) == ["commit A 0"]


def test_line_49_decides_in_any_step_even_before_prevoting() -> None:
    script = Script()
    script.knows(A)
    assert script.precommits(A)[-1] == "commit A 0"


def test_halt_1_a_late_precommit_of_a_round_left_behind_decides_and_frees_the_next() -> None:
    """A, A and nil end round 0 without us deciding; the fourth precommit, for A, arrives in round 1."""
    script = Script()
    script.proposal(A)
    assert script.prevotes(A, count=2) == ["precommit A 0"]
    script.precommits(NIL, count=1)
    assert script.precommits(A, count=1, first=1) == ["wait precommit 0"]
    assert script.timeout(Step.PRECOMMIT) == ["wait propose 1"]
    assert script.lock == ("A", 0)
    assert script.precommits(A, count=1, first=2) == ["commit A 0"]


def test_no_decision_from_two_of_four() -> None:
    script = Script()
    script.proposal(A)
    script.prevotes(A)
    assert script.precommits(A, count=1) == []
    assert script.commit is None


def test_disagreement_two_blocks_with_two_votes_each_decide_nothing() -> None:
    script = Script()
    script.proposal(A)
    script.prevotes(A, count=1)
    assert script.prevotes(B, count=2, first=1) == ["wait prevote 0"]
    assert script.timeout(Step.PREVOTE) == ["precommit nil 0"]


def test_invalid_block_with_two_thirds_of_precommits_halts() -> None:
    script = Script()
    script.knows(A, valid=False)
    assert script.precommits(A)[-1] == "halt"
    assert script.prevotes(B) == []


def test_second_decision_halts() -> None:
    script = Script()
    script.knows(A)
    script.knows(B)
    script.precommits(A)
    assert script.precommits(B, round_=1)[-1] == "halt"


def test_two_decisions_at_once_halt_before_either_is_taken() -> None:
    script = Script()
    script.precommits(A)
    assert script.precommits(B, round_=1)[-1] == "halt"
    assert script.knows(A) == []
    assert script.commit is None


# -- commits -------------------------------------------------------------------------------------------------


def test_commit_has_a_slot_per_validator_in_order_and_takes_late_precommits() -> None:
    script = Script()
    script.proposal(A)
    script.prevotes(A)
    script.precommits(A, count=2)
    assert script.commit is not None
    flags = [slot.flag for slot in script.commit.commit.signatures]
    assert flags[script.others[2]] is BlockIDFlag.ABSENT
    assert flags.count(BlockIDFlag.COMMIT) == 3
    script.precommits(A, count=1, first=2)
    late = seen_commit(script.state)
    assert [slot.flag for slot in late.signatures] == [BlockIDFlag.COMMIT] * 4
    assert [slot.validator_address for slot in late.signatures] == [v.address for v in VALIDATORS.validators]


def test_precommit_for_nil_by_a_slow_clock_stays_out_of_the_commit() -> None:
    script = Script()
    script.proposal(A)
    script.prevotes(A)
    slow = replace(script.vote_of(VoteType.PRECOMMIT, NIL, 0, script.others[2]), time_ns=SECOND)
    script.feed(VoteReceived(slow))
    script.precommits(A, count=2)
    assert script.commit is not None
    assert script.commit.commit.signatures[script.others[2]].flag is BlockIDFlag.ABSENT


def test_vote_is_later_than_the_block_it_is_for() -> None:
    script = Script()
    script.proposal(A)
    script.prevotes(A)
    assert script.earliest["prevote A 0"] == SECOND + 1_000_000
    assert script.earliest["precommit A 0"] == SECOND + 1_000_000


# -- liars and noise -----------------------------------------------------------------------------------------


def test_double_signing_is_reported_once_and_counts_once_towards_any() -> None:
    script = Script()
    script.proposal(A)
    assert script.prevotes(A, count=1) == []
    assert script.prevotes(B, count=1) == ["evidence"]
    assert script.prevotes(NIL, count=1) == []
    assert len(script.evidence) == 1
    assert script.state.step is Step.PREVOTE
    assert "wait prevote 0" not in script.said


def test_sign_same_vote_twice_with_another_time_is_one_vote() -> None:
    script = Script()
    script.proposal(A)
    vote = script.vote_of(VoteType.PREVOTE, A, 0, script.others[0])
    for time_ns in (1, 2, 3):
        assert script.feed(VoteReceived(replace(vote, time_ns=time_ns))) == []
    assert script.evidence == []


def test_flood_of_different_votes_is_bounded_and_cannot_hide_a_quorum() -> None:
    script = Script()
    script.proposal(A)
    liar = script.others[0]
    for number in range(50):
        script.feed(VoteReceived(script.vote_of(VoteType.PREVOTE, block(str(number)), 0, liar)))
    votes = script.state.votes.of(0, VoteType.PREVOTE)
    assert len(votes.votes[liar]) == MAX_VALUES
    script.prevotes(A, count=1, first=1)
    assert script.feed(VoteReceived(script.vote_of(VoteType.PREVOTE, A, 0, liar))) == ["precommit A 0"]


def test_does_not_crash_on_invalid_vote() -> None:
    script = Script()
    good = script.vote_of(VoteType.PREVOTE, A, 0, script.others[0])
    before = script.state
    for change in (
        {"validator_index": 99},
        {"validator_index": -1},
        {"validator_index": script.others[1]},
        {"validator_address": b""},
        {"height": HEIGHT + 1},
        {"height": 0},
    ):
        assert script.feed(VoteReceived(replace(good, **change))) == []
    assert script.state == before


def test_second_proposal_of_a_round_is_ignored() -> None:
    script = Script()
    script.proposal(A, known=False)
    assert script.proposal(B) == []
    assert script.knows(A) == ["prevote A 0"]


def test_proposal_far_ahead_or_of_another_height_is_not_kept() -> None:
    script = Script()
    script.feed(ProposalReceived(Proposal(HEIGHT, MAX_ROUNDS_AHEAD + 1, -1, A)))
    script.feed(ProposalReceived(Proposal(HEIGHT + 1, 0, -1, A)))
    assert script.state.proposals == {}


def test_observer_follows_but_never_votes() -> None:
    script = Script()
    script.state = script.state.with_(address=b"")
    assert script.proposal(A) == []
    script.prevotes(A)
    assert script.precommits(A)[-1] == "commit A 0"
    assert not any(word.startswith(("prevote", "precommit", "propose")) for word in script.said)


def test_inputs_replayed_give_the_same_state() -> None:
    script = Script()
    script.proposal(A)
    script.prevotes(B)
    again = Script()
    again.proposal(A)
    again.prevotes(B)
    assert script.state == again.state
    assert apply(script.state, StartHeight(HEIGHT)) == (script.state, ())


def test_timeouts_grow_with_the_round() -> None:
    policy = TimeoutPolicy(100, 50, 40, 10)
    assert [policy.duration_ms(Step.PROPOSE, r) for r in range(3)] == [100, 110, 120]
    assert policy.duration_ms(Step.PREVOTE, 1) == 60
    assert policy.duration_ms(Step.PRECOMMIT, 0) == 40
    assert NAMES[NIL] == "nil"


# -- who proposes --------------------------------------------------------------------------------------------


def test_proposer_selection_0_everybody_proposes_once_in_as_many_rounds() -> None:
    proposers = [VALIDATORS.proposer_at(round_).address for round_ in range(4)]
    assert sorted(proposers) == sorted(validator.address for validator in VALIDATORS.validators)
    assert [VALIDATORS.proposer_at(round_).address for round_ in range(4, 8)] == proposers


def test_proposer_selection_2_the_next_height_goes_on_where_this_one_began() -> None:
    following = VALIDATORS.advanced(1)
    assert following.proposer.address == VALIDATORS.proposer_at(1).address


def test_enter_propose_yes_priv_validator_makes_a_block_and_an_observer_only_waits() -> None:
    assert Script(proposing=0).said == ["make 0", "wait propose 0"]
    observer = Script(proposing=0, started=False)
    observer.state = observer.state.with_(address=b"")
    assert observer.start() == ["wait propose 0"]
    assert observer.timeout(Step.PROPOSE) == []
