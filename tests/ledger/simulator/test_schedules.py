"""Every invariant over thousands of seeded schedules, and schedules that are hard enough to matter."""

from dataclasses import replace

import pytest

from tests.ledger.simulator.profile import LIARS, LIGHT, OUTAGE, PROFILES, SEVEN, TEN, TWINS, Profile, mixed
from tests.ledger.simulator.search import Tally, search


def failures(tally: Tally) -> list[tuple[int, str, str]]:
    """Seed, profile and what broke: `--seed SEED --runs 1 --profile PROFILE` plays it again."""
    return [(failure.seed, failure.profile, failure.what) for failure in tally.failures]


@pytest.fixture(scope="module")
def mixed_search() -> Tally:
    return search(range(1_200), mixed)


def test_all_invariants_hold_over_mixed_schedules(mixed_search: Tally) -> None:
    assert failures(mixed_search) == []
    assert mixed_search.schedules == 1_200


def test_every_profile_is_part_of_the_mixed_search(mixed_search: Tally) -> None:
    assert set(mixed_search.runs) == set(PROFILES)


def test_mixed_schedules_are_hard_enough_to_matter(mixed_search: Tally) -> None:
    decisions = sum(mixed_search.rounds.values())
    assert max(mixed_search.rounds) >= 4
    assert decisions - mixed_search.rounds[0] > decisions // 5
    assert mixed_search.crashes > 800
    assert mixed_search.refused > 10
    assert mixed_search.evidence > 2_000


def test_light_schedules_agree_and_come_to_an_end() -> None:
    assert failures(search(range(100_000, 100_600), lambda seed: LIGHT)) == []


def test_twins_under_one_key_fork_nobody_else() -> None:
    assert failures(search(range(100_000, 100_300), lambda seed: TWINS)) == []


def test_power_that_fails_everywhere_at_once_ends_no_height() -> None:
    assert failures(search(range(100_000, 100_200), lambda seed: OUTAGE)) == []


def test_mallory_is_caught_with_two_votes() -> None:
    tally = search(range(30), lambda seed: LIARS)
    assert failures(tally) == []
    assert tally.evidence > 30


def test_no_profile_asks_for_more_faults_than_a_third() -> None:
    for profile in PROFILES.values():
        assert 3 * profile.faulty < profile.validators


def test_one_fault_too_many_is_what_the_invariants_notice() -> None:
    """Twins of two of four: the same search that finds nothing above finds a fork here."""
    beyond = replace(TWINS, twins=2)
    (found,) = search(range(1_000), lambda seed: beyond, stop_at=1).failures
    assert "fork" in found.what


@pytest.mark.full
@pytest.mark.parametrize("start", range(200_000, 260_000, 10_000))
def test_all_invariants_hold_over_many_mixed_schedules(start: int) -> None:
    assert failures(search(range(start, start + 5_000), mixed)) == []


@pytest.mark.full
@pytest.mark.parametrize("profile", [SEVEN, TEN, replace(LIARS, heights=12)], ids=lambda p: p.name)
def test_large_and_long_runs(profile: Profile) -> None:
    assert failures(search(range(300_000, 300_600), lambda seed: profile)) == []
