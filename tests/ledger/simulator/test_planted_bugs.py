"""Tests of the tests: each bug that was planted on purpose is found, and as what it is."""

import json
import re
from pathlib import Path

import pytest

from tests.ledger.simulator import schedule
from tests.ledger.simulator.__main__ import main
from tests.ledger.simulator.cluster import Cluster
from tests.ledger.simulator.invariants import Violation
from tests.ledger.simulator.mutants import PLANTED
from tests.ledger.simulator.profile import PROFILES
from tests.ledger.simulator.search import keep, play, search

MOST_SEEDS = 3_000


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bug_is_found(bug: str) -> None:
    planted = PLANTED[bug]
    found = search(range(MOST_SEEDS), lambda seed: planted.profile, planted.cluster, stop_at=1).failures
    assert found, f"{bug} was not found in {MOST_SEEDS} schedules"
    assert re.search(planted.found_as, found[0].what)


@pytest.mark.parametrize("bug", ["quorum of 2f, twins", "broadcast before log", "double-sign guard off"])
def test_kept_schedule_of_a_failure_replays_to_the_same_failure(bug: str, tmp_path: Path) -> None:
    planted = PLANTED[bug]
    failure = search(range(MOST_SEEDS), lambda seed: planted.profile, planted.cluster, stop_at=1).failures[0]
    path = keep(tmp_path, failure, bug)
    cluster, steps = schedule.load(json.loads(path.read_text()))
    with pytest.raises(Violation, match=re.escape(failure.what)):
        cluster.replay(steps)
    assert main(["--replay", str(path)]) == 1


def test_schedule_that_broke_a_planted_bug_breaks_nothing_without_it(tmp_path: Path) -> None:
    planted = PLANTED["broadcast before log"]
    failure = search(range(MOST_SEEDS), lambda seed: planted.profile, planted.cluster, stop_at=1).failures[0]
    data = json.loads(keep(tmp_path, failure, "broadcast before log").read_text())
    cluster, steps = schedule.load({**data, "bug": ""})
    cluster.replay(steps)
    assert cluster.steps == steps


def test_steps_may_be_struck_out_of_a_kept_schedule(tmp_path: Path) -> None:
    """Hosts hear nothing but the steps: without the last the fork has not happened yet, any other may go."""
    planted = PLANTED["quorum of 2f, twins"]
    failure = search(range(MOST_SEEDS), lambda seed: planted.profile, planted.cluster, stop_at=1).failures[0]
    data = json.loads(keep(tmp_path, failure, "quorum of 2f, twins").read_text())
    cluster, steps = schedule.load(data)
    cluster.replay(steps[:-1])
    forks = 0
    for struck in range(len(steps) - 1):
        cluster, steps = schedule.load(data)
        try:
            cluster.replay(steps[:struck] + steps[struck + 1 :])
        except Violation:
            forks += 1
    assert 0 < forks < len(steps) - 1


def test_healthy_run_replays_to_the_same_chain(tmp_path: Path) -> None:
    for name in ("power-liar", "twins-power", "seven-mixed"):
        played = Cluster(11, PROFILES[name])
        assert play(played) is None
        path = tmp_path / f"{name}.json"
        schedule.write(path, played, "", "")
        again, steps = schedule.load(json.loads(path.read_text()))
        again.replay(steps)
        assert [host.chain for host in again.hosts] == [host.chain for host in played.hosts]


def test_file_that_is_no_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'salus consensus schedule 1'"):
        schedule.load({"format": "something else"})


def test_command_says_what_it_tried_and_that_nothing_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--runs", "32", "--seed", "5000"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"schedules 32 from seed 5000, \d+ a second", said)
    assert "failures  none" in said


def test_command_prints_the_seed_and_the_file_of_a_failure(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = ["--runs", "50", "--bug", "double-sign guard off", "--stop-at", "1", "--keep", str(tmp_path)]
    assert main(given) == 1
    said = capsys.readouterr().out
    (kept,) = tmp_path.iterdir()
    assert re.search(r"FAILED +seed \d+ profile wiped: two voices", said)
    assert str(kept) in said


def test_same_seed_plays_the_same_run() -> None:
    first, second = (Cluster(7, PLANTED["lock dropped"].profile).run() for _ in range(2))
    assert first.steps == second.steps
