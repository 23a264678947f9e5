"""Electing validators over epochs: who gets a seat, with which power, and what happens in between."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.machine.application import Application
from ledger.machine.entries import ElectionEntry, Votes
from ledger.machine.genesis import GenesisError
from ledger.machine.rules.election import Standing, elect, stake_of, tenths
from ledger.machine.validators import LEAST_FOR_A_FAULT, capped, tolerated_faults, updates
from ledger.types.canonical import b64u_encode
from ledger.types.ids import address_of
from ledger.types.signing import public_key_of
from ledger.types.tx_change import (
    MAX_POWER,
    MAX_SEATS,
    MAX_WEIGHT,
    ElectionChanges,
    KeyRotates,
    PowerChanges,
    ValidatorJoins,
    ValidatorLeaves,
)
from ledger.types.tx_fields import MAX_SAFE_INTEGER
from ledger.types.validators import MAX_TOTAL_POWER, Validator, ValidatorSet
from tests.ledger.machine.cast import APP_STATE, LEDGER, NOON, RIVERSIDE, Member, register, renewal, seed_of
from tests.ledger.machine.elections import (
    FULL,
    HARBOUR,
    KEYS,
    RULES,
    SEEDS,
    STANDBY,
    WAITING,
    WAITING_SEED,
    Elected,
    address,
    stands,
    with_election,
)

WHERE = {"moniker": "harbour", "host": "127.0.0.1", "port": 26600, "certificate": "A" * 200}


def leave(public: bytes) -> ValidatorLeaves:
    return ValidatorLeaves(public=b64u_encode(public))


# --- over blocks --------------------------------------------------------------------------------


def test_without_an_election_nothing_is_counted_and_the_state_is_as_ever() -> None:
    ledger = Elected(candidates={}, rules={})
    for _ in range(20):
        ledger.step()
    assert ledger.epoch == 0
    assert ledger.settled() == ledger.genesis
    for key in (b"epoch", b"draw", b"election", b"candidates", b"validators"):
        assert ledger.app.query(key).value is None


def test_epoch_ends_and_powers_follow_the_stakes_two_blocks_later() -> None:
    ledger = Elected(absent={KEYS[3]})
    assert ledger.epoch == 1
    while ledger.epoch == 1:
        before = ledger.height
        ledger.accept(register(Member(f"passer-by {before}")))
    assert ledger.app.validators_at(ledger.height + 1) == ledger.genesis
    assert ledger.settled() == {KEYS[0]: FULL, KEYS[1]: FULL, KEYS[2]: FULL, KEYS[3]: 1}


def test_candidate_that_renewed_is_elected_and_one_that_did_not_is_not() -> None:
    ledger = Elected()
    ledger.until_epoch(2)
    assert WAITING not in ledger.settled()
    ledger.renew()
    ledger.until_epoch(3)
    assert ledger.settled() == dict.fromkeys(KEYS, FULL) | {WAITING: STANDBY}
    ledger.until_epoch(4)
    assert ledger.settled() == dict.fromkeys((*KEYS, WAITING), FULL)


def test_validator_that_signs_nothing_gives_its_seat_to_a_live_candidate_and_comes_back() -> None:
    ledger = Elected(absent={KEYS[3]})
    ledger.renew()
    ledger.until_epoch(2)
    assert set(ledger.settled()) == {*KEYS[:3], WAITING}
    ledger.absent.clear()
    ledger.step()
    ledger.renew(KEYS[3], SEEDS[3])
    ledger.until_epoch(3)
    assert set(ledger.settled()) == {*KEYS, WAITING}


def test_blocks_without_transactions_count_nothing_and_the_ledger_falls_silent() -> None:
    ledger = Elected()
    roots = []
    for _ in range(40):
        ledger.block()
        roots.append(ledger.app.info().app_hash)
    assert len(set(roots)) == 1
    assert ledger.epoch == 1
    ledger.step()
    assert ledger.epoch == 2


def test_a_proposal_of_which_nothing_is_left_moves_no_epoch_on() -> None:
    ledger = Elected()
    before = ledger.app.info().app_hash
    votes = ledger.votes()
    assert ledger.app.prepare_proposal([b"garbage"], 10**6, ledger.time_ms, (), votes) == []
    ledger.app.finalize_block([], ledger.height + 1, ledger.time_ms, (), votes)
    assert ledger.app.commit().app_hash == before


def test_another_last_commit_is_another_block() -> None:
    """A result that is kept for reuse must not be taken for a block with other votes."""
    ledger = Elected()
    wire = register(Member("somebody"))
    votes = ledger.votes()
    assert ledger.app.process_proposal([wire], ledger.time_ms, (), votes)
    others = tuple((key, False) for key, _ in votes)
    ledger.app.finalize_block([wire], ledger.height + 1, ledger.time_ms, (), others)
    ledger.app.commit()
    epoch = ledger.app.epoch()
    assert epoch is not None
    assert {count.signed for count in epoch.votes.values()} == {0}


def test_counts_survive_restart_and_state_sync() -> None:
    ledger = Elected(absent={KEYS[0]})
    ledger.step()
    copy = Application.restore(ledger.app.snapshot(), ledger.app.info().app_hash, ledger.genesis)
    assert copy.epoch() == ledger.app.epoch()
    assert copy.epoch().votes[address(KEYS[0])] == Votes(1, 0)  # type: ignore[union-attr]
    assert copy.candidates() == ledger.app.candidates()


def test_faulty_validator_of_four_is_replaced_by_the_best_candidate_in_the_same_block() -> None:
    ledger = Elected()
    ledger.renew()
    changed = ledger.block(faulty=(KEYS[1],)).validator_updates
    assert dict(changed) == {KEYS[1]: 0, WAITING: 10}
    assert ledger.settled() == {KEYS[0]: 10, KEYS[2]: 10, KEYS[3]: 10, WAITING: 10}
    ledger.until_epoch(3)
    assert KEYS[1] not in ledger.settled()
    assert ledger.view.validator(KEYS[1]).faulty  # type: ignore[union-attr]
    assert ledger.view.validator(WAITING).power == ledger.settled()[WAITING]  # type: ignore[union-attr]


def test_candidate_that_did_not_show_that_it_is_there_is_not_promoted() -> None:
    ledger = Elected()
    ledger.block(faulty=(KEYS[1],))
    assert ledger.settled() == {KEYS[0]: 10, KEYS[2]: 10, KEYS[3]: 10}
    assert tolerated_faults(ledger.settled()) == 0


def test_two_faulty_in_one_block_get_one_candidate() -> None:
    ledger = Elected()
    ledger.renew()
    ledger.block(faulty=(KEYS[1], KEYS[2]))
    assert ledger.settled() == {KEYS[0]: 10, KEYS[3]: 10, WAITING: 10}


def test_second_candidate_of_the_faulty_organisation_is_not_promoted() -> None:
    ledger = Elected(candidates={KEYS[1]: HARBOUR, WAITING: HARBOUR})
    ledger.renew()
    ledger.block(faulty=(KEYS[1],))
    assert WAITING not in ledger.settled()


def test_last_validator_at_fault_is_replaced_as_soon_as_somebody_is_there() -> None:
    ledger = Elected(candidates={WAITING: HARBOUR}, genesis={KEYS[0]: 10})
    ledger.block(faulty=(KEYS[0],))
    assert ledger.settled() == {KEYS[0]: 10}
    ledger.renew()
    ledger.until_epoch(2)
    assert ledger.settled() == {WAITING: STANDBY}
    other = Elected(candidates={WAITING: HARBOUR}, genesis={KEYS[0]: 10})
    other.renew()
    other.block(faulty=(KEYS[0],))
    assert other.settled() == {WAITING: 10}


def test_evidence_promotes_nobody_where_nobody_is_elected() -> None:
    ledger = Elected(rules=RULES | {"every": 0})
    assert ledger.one(renewal(WAITING, WAITING_SEED, 0)) == "EPOCH_OTHER"
    ledger.block(faulty=(KEYS[1],))
    assert set(ledger.settled()) == {KEYS[0], KEYS[2], KEYS[3]}


def test_renewals_are_the_candidates_own_and_once_per_epoch() -> None:
    ledger = Elected(rules=RULES | {"every": 30})
    assert ledger.one(renewal(WAITING, seed_of("another"), 1)) == "SIGNATURE_INVALID"
    assert ledger.one(renewal(WAITING, WAITING_SEED, 2)) == "EPOCH_OTHER"
    assert ledger.one(renewal(WAITING, WAITING_SEED, 1, author="validator:00")) == "WRONG_AUTHOR"
    assert ledger.one(renewal(KEYS[0], SEEDS[0], 1)) == "CANDIDATE_VOTES"
    stranger = seed_of("validator of nobody")
    assert ledger.one(renewal(public_key_of(stranger), stranger, 1)) == "CANDIDATE_UNKNOWN"
    assert ledger.one(renewal(WAITING, WAITING_SEED, 1)) == "OK"
    assert ledger.one(renewal(WAITING, WAITING_SEED, 1)) == "CANDIDACY_RENEWED"


def test_election_and_candidates_are_agreed_on_by_the_consortium() -> None:
    ledger = Elected(candidates={}, rules={})
    assert ledger.agree(stands()) == "accepted"
    assert ledger.settled() == ledger.genesis
    assert ledger.agree(ElectionChanges(**RULES)) == "accepted"
    ledger.step()
    assert ledger.epoch == 1
    ledger.renew()
    ledger.until_epoch(2)
    assert ledger.settled() == dict.fromkeys(KEYS, FULL) | {WAITING: STANDBY}
    entry = ledger.view.validator(WAITING)
    assert (entry.power, entry.certificate) == (STANDBY, "A" * 200)  # type: ignore[union-attr]
    assert ledger.agree(ElectionChanges(**RULES | {"every": 0})) == "accepted"
    before = ledger.settled()
    for _ in range(10):
        ledger.step()
    assert ledger.settled() == before


def test_candidate_that_left_is_not_elected_again() -> None:
    ledger = Elected(rules=RULES | {"every": 9})
    assert ledger.agree(leave(WAITING)) == "accepted"
    assert ledger.agree(leave(KEYS[3])) == "accepted"
    ledger.until_epoch(4)
    assert set(ledger.settled()) == set(KEYS[:3])
    assert b64u_encode(KEYS[3]) not in ledger.app.candidates()


def test_rotated_key_stands_in_place_of_the_old_one() -> None:
    ledger = Elected()
    seed = seed_of("new key")
    fresh = public_key_of(seed)
    change = KeyRotates(public=b64u_encode(fresh), replaces=b64u_encode(KEYS[0]), **WHERE)
    assert ledger.agree(change) == "accepted"
    ledger.until_epoch(4)
    assert fresh in ledger.settled()
    assert KEYS[0] not in ledger.settled()
    assert ledger.view.candidate(fresh).organisation == RIVERSIDE.did  # type: ignore[union-attr]


def test_leaving_leaves_nobody_with_a_third_where_validators_are_elected() -> None:
    ledger = Elected(rules=RULES | {"every": 1000}, genesis={**dict.fromkeys(KEYS, 9), WAITING: 15})
    assert ledger.agree(leave(KEYS[0])) == "accepted"
    assert ledger.settled() == {KEYS[1]: 9, KEYS[2]: 9, KEYS[3]: 9, WAITING: 13}


def test_changes_of_candidates_that_do_not_fit_are_refused() -> None:
    ledger = Elected(rules=RULES | {"every": 1000})
    second = public_key_of(seed_of("second machine of Riverside"))
    joins = ValidatorJoins(public=b64u_encode(WAITING), power=5, **WHERE)
    for change in (
        stands(),
        stands(second, Member("never admitted")),
        stands(KEYS[1], RIVERSIDE),
        joins,
        leave(second),
    ):
        assert ledger.agree(change) == "CHANGE_INVALID"
    assert ledger.agree(stands(second, RIVERSIDE)) == "accepted"


def test_votes_of_power_stand_until_the_next_election() -> None:
    ledger = Elected(rules=RULES | {"every": 12})
    assert ledger.agree(PowerChanges(public=b64u_encode(KEYS[0]), power=14)) == "accepted"
    assert ledger.settled()[KEYS[0]] == 14
    ledger.until_epoch(2)
    assert ledger.settled() == dict.fromkeys(KEYS, FULL)


def test_genesis_of_before_still_starts_the_same_ledger() -> None:
    """The app hash of a genesis without an election is what it was before there were elections."""
    app = Application()
    root = app.init_chain(LEDGER, APP_STATE, NOON)
    assert root.hex() == "e359b108d519e503694b09e79892154af77366363c0ebbda08971625d1e35908"


def test_epochs_too_short_for_a_renewal_are_refused() -> None:
    short = {**RULES, "every": 4}
    ledger = Elected(rules=RULES | {"every": 1000})
    assert ledger.agree(ElectionChanges(**short)) == "CHANGE_INVALID"
    with pytest.raises(GenesisError, match="at least 5"):
        Application().init_chain(LEDGER, with_election({}, short), NOON)


def test_genesis_names_each_candidate_once() -> None:
    state = with_election({WAITING: HARBOUR})
    state["election"]["candidates"] *= 2
    with pytest.raises(GenesisError, match="twice"):
        Application().init_chain(LEDGER, state, NOON)


# --- the election itself ------------------------------------------------------------------------


def one(name: str, stake: int, votes: bool = True, live: bool = True, of: str = "") -> Standing:
    public = public_key_of(seed_of(name))
    return Standing(public, of or address(public), votes, live, stake if live else 1)


def test_ties_go_to_the_lower_address() -> None:
    equal = [one(f"v{n}", 5, votes=n < 4) for n in range(9)]
    waiting = min((each.public for each in equal[4:]), key=address_of)
    assert set(elect(equal, 100)) == {each.public for each in equal[:4]} | {waiting}


def test_one_election_lets_one_newcomer_in_however_many_lie_about_their_stakes() -> None:
    voting, liars = [one(f"v{n}", 10) for n in range(4)], [one(f"x{n}", 999, votes=False) for n in range(9)]
    elected = elect([*voting, *liars], 4)
    assert len(set(elected) & {each.public for each in liars}) == 1
    assert len(elected) == 4


def test_of_an_organisation_the_live_validator_that_votes_is_seated() -> None:
    voting = [one(f"v{n}", 10) for n in range(3)]
    old, new = one("old", 3, of="h"), one("new", 50, votes=False, of="h")
    assert old.public in elect([*voting, old, new], 9)
    gone = one("old", 3, live=False, of="h")
    assert new.public in elect([*voting, gone, new], 9)


def test_absent_validators_fill_up_to_four_with_the_least_power() -> None:
    voting = [one(f"v{n}", 10) for n in range(3)]
    absent = [one(f"a{n}", 1, live=False) for n in range(3)]
    elected = elect([*voting, *absent], 9)
    assert sorted(elected.values()) == [1, 10, 10, 10]
    assert tolerated_faults(elected) == 1


def test_below_four_the_rest_continue_and_tolerate_no_fault() -> None:
    elected = elect([one(f"v{n}", 10) for n in range(3)], 9)
    assert sorted(elected.values()) == [10, 10, 10]
    assert tolerated_faults(elected) == 0
    assert elect([], 9) == {}


@pytest.mark.parametrize(
    ("due", "signed", "expected"),
    [(0, 0, 5), (9, 0, 0), (9, 9, 10), (200, 191, 10), (200, 189, 9), (3, 1, 3)],
)
def test_availability_is_the_nearest_tenth(due: int, signed: int, expected: int) -> None:
    assert tenths(Votes(due, signed)) == expected


STANDINGS = st.lists(
    st.tuples(st.integers(1, MAX_POWER), st.booleans(), st.booleans(), st.integers(0, 12)),
    max_size=14,
).map(
    lambda drawn: [
        one(f"v{n}", stake, votes, live, of=f"organisation {organisation}")
        for n, (stake, votes, live, organisation) in enumerate(drawn)
    ]
)
SEATS = st.integers(4, 12)


@settings(max_examples=300, deadline=None)
@given(STANDINGS, SEATS, st.randoms(use_true_random=False))
def test_every_election_keeps_cap_minimum_and_bounds(
    standing: list[Standing], seats: int, shuffler: object
) -> None:
    elected = elect(standing, seats)
    shuffled = list(standing)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(elect(shuffled, seats).items()) == list(elected.items())
    total = sum(elected.values())
    assert total <= MAX_SEATS * MAX_POWER <= MAX_TOTAL_POWER
    assert all(power >= 1 for power in elected.values())
    assert len(elected) <= seats
    if len(elected) >= LEAST_FOR_A_FAULT:
        assert all(3 * power < total for power in elected.values())
        assert tolerated_faults(elected) >= 1
    by_key = {each.public: each for each in standing}
    organisations = [by_key[public].organisation for public in elected]
    assert len(set(organisations)) == len(organisations)
    live = {each.organisation for each in standing if each.live}
    able = live | {each.organisation for each in standing if each.votes}
    assert len(elected) >= min(LEAST_FOR_A_FAULT, len(able))
    if len(live) >= LEAST_FOR_A_FAULT:
        assert all(by_key[public].live for public in elected)


@settings(max_examples=200, deadline=None)
@given(STANDINGS.filter(len), SEATS, st.data())
def test_more_stake_never_costs_a_seat_or_power(
    standing: list[Standing], seats: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(standing) - 1))
    before = standing[at]
    more = Standing(
        before.public,
        before.organisation,
        before.votes,
        before.live,
        before.stake + data.draw(st.integers(0, MAX_POWER)),
    )
    richer = [*standing[:at], more, *standing[at + 1 :]]
    assert elect(richer, seats).get(before.public, 0) >= elect(standing, seats).get(before.public, 0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, MAX_POWER), min_size=1, max_size=12))
def test_cap_takes_no_more_than_it_must(powers: list[int]) -> None:
    members = {public_key_of(seed_of(f"v{n}")): power for n, power in enumerate(powers)}
    cut = capped(members)
    assert all(cut[key] <= members[key] for key in members)
    if len(members) < LEAST_FOR_A_FAULT:
        assert cut == members
    elif cut != members:
        most = max(cut.values()) + 1
        looser = [min(power, most) for power in powers]
        assert 3 * max(looser) >= sum(looser)


@given(st.integers(0, MAX_WEIGHT), st.integers(0, MAX_WEIGHT), st.integers(0, MAX_SAFE_INTEGER))
def test_stake_is_bounded_and_at_least_one(availability: int, contribution: int, credit: int) -> None:
    rules = ElectionEntry(6, 7, availability, contribution)
    assert 1 <= stake_of(rules, 10, credit) <= MAX_POWER


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STANDINGS, SEATS), min_size=1, max_size=4))
def test_proposer_priorities_follow_every_election(elections: list[tuple[list[Standing], int]]) -> None:
    members = dict.fromkeys(KEYS, 10)
    known = ValidatorSet.of(Validator.of(*each) for each in members.items())
    for standing, seats in elections:
        elected = dict(elect(standing, seats)) or members
        if elected != members:
            known = known.updated(Validator.of(*each) for each in updates(members, elected))
        members, known = elected, known.advanced(1)
        assert {each.public_key: each.power for each in known.validators} == members
        spread = [each.priority for each in known.validators]
        assert max(spread) - min(spread) <= 2 * known.total_power + max(members.values())


def test_the_same_blocks_elect_the_same_under_any_hash_seed() -> None:
    script = (
        "from tests.ledger.machine.elections import *\n"
        "ledger = Elected(absent={KEYS[3]})\n"
        "ledger.renew(); ledger.until_epoch(4)\n"
        "print(ledger.app.info().app_hash.hex(), sorted(ledger.settled().items()))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4242")
    }
    assert len(printed) == 1
