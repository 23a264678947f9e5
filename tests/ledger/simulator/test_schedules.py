"""Agreement, validity and progress over thousands of seeded schedules; planted bugs that must be found."""

from dataclasses import replace
from typing import Any

import pytest

from tests.ledger.simulator.cluster import Cluster, Fork, Profile
from tests.ledger.simulator.mutants import LOCK_DROPPED, LOCK_IGNORED, NO_VALIDITY, two_faults

FOUR = Profile()
SEVEN = Profile(validators=7, byzantine=2, crashes=2)
ROUGH = Profile(delay=250, loss=0.4, partitions=3, crashes=2, calm_at=1500, heights=1)
AMNESIA = Profile(delay=120, loss=0.3, crashes=12, partitions=2, calm_at=1500, heights=1, durable_guard=False)
LOSSY = Profile(delay=120, loss=0.5, partitions=4, crashes=0, calm_at=2500, heights=1)
EQUIVOCATORS_ONLY = Profile(crashes=0, partitions=0, loss=0.0)


def play(seeds: range, profile: Profile, **bug: Any) -> list[Cluster]:
    """Every seed to its end; a Fork carries the seed that shows it."""
    return [Cluster(seed, profile, **bug).run() for seed in seeds]


def unfinished(clusters: list[Cluster]) -> list[int]:
    return [cluster.seed for cluster in clusters if not cluster.finished]


def first_fork(profile: Profile, seeds: range, **bug: Any) -> int | None:
    for seed in seeds:
        try:
            Cluster(seed, profile, **bug).run()
        except Fork as fork:
            return fork.seed
    return None


@pytest.mark.parametrize(
    ("profile", "schedules"),
    [(FOUR, 1200), (SEVEN, 150), (ROUGH, 400), (EQUIVOCATORS_ONLY, 250)],
    ids=["four", "seven", "rough", "liars"],
)
def test_correct_validators_agree_and_come_to_an_end(profile: Profile, schedules: int) -> None:
    clusters = play(range(schedules), profile)
    assert unfinished(clusters) == []


@pytest.mark.full
@pytest.mark.parametrize("profile", [FOUR, SEVEN, ROUGH, replace(FOUR, heights=5, crashes=4)], ids=str)
def test_correct_validators_agree_over_many_schedules(profile: Profile) -> None:
    for start in range(10_000, 16_000, 1_000):
        assert unfinished(play(range(start, start + 1_000), profile)) == []


def test_schedules_are_hard_enough_to_matter() -> None:
    clusters = play(range(200), FOUR)
    rounds = [
        state.decision[0] for c in clusters for h in c.hosts.values() for state in h.chain if state.decision
    ]
    assert max(rounds) >= 2
    assert sum(1 for round_ in rounds if round_ > 0) > len(rounds) // 10


def test_every_decision_has_a_commit_of_two_thirds() -> None:
    for cluster in play(range(50), FOUR):
        for host in cluster.hosts.values():
            for state in host.chain:
                assert state.decision is not None
                round_, value = state.decision
                power = sum(power for r, v, power in _precommit_power(state) if (r, v) == (round_, value))
                assert 3 * power > 2 * cluster.validators.total_power


def _precommit_power(state: Any) -> list[tuple[int, Any, int]]:
    return [
        (round_, value, power)
        for (round_, type_), votes in state.votes.sets.items()
        if type_.name == "PRECOMMIT"
        for value, power in votes.power.items()
    ]


def test_mallory_is_caught_with_two_votes_and_nobody_else_is_accused() -> None:
    clusters = play(range(20), EQUIVOCATORS_ONLY)
    assert sum(len(cluster.evidence) for cluster in clusters) > 20
    for cluster in clusters:
        assert {found.first.validator_index for found in cluster.evidence} <= cluster.byzantine


def test_restarted_validators_never_contradict_themselves() -> None:
    many_crashes = replace(AMNESIA, durable_guard=True)
    for cluster in play(range(150), many_crashes):
        assert {found.first.validator_index for found in cluster.evidence} <= cluster.byzantine


def test_same_seed_plays_the_same_run() -> None:
    first, second = play(range(7, 8), FOUR)[0], play(range(7, 8), FOUR)[0]
    assert (first.now, first.count, first.blocks) == (second.now, second.count, second.blocks)


@pytest.mark.parametrize(
    ("profile", "bug"),
    [
        (replace(FOUR, partitions=3, loss=0.3), {"make_set": two_faults}),
        (LOSSY, {"rules": LOCK_IGNORED}),
        (LOSSY, {"rules": LOCK_DROPPED}),
        (AMNESIA, {}),
        (FOUR, {"rules": NO_VALIDITY}),
    ],
    ids=["quorum of 2f", "lock ignored", "lock dropped", "votes not durable", "invalid blocks believed"],
)
def test_planted_bug_is_found(profile: Profile, bug: dict[str, Any]) -> None:
    assert first_fork(profile, range(1_500), **bug) is not None
