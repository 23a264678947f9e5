"""The search over seeds: plays them, counts, and keeps the schedule of each that fails."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.ledger.simulator import schedule
from tests.ledger.simulator.cluster import Cluster
from tests.ledger.simulator.invariants import Violation
from tests.ledger.simulator.profile import Profile


@dataclass(frozen=True)
class Failure:
    """A seed that broke an invariant, and the cluster that shows it."""

    seed: int
    profile: str
    what: str
    cluster: Cluster


@dataclass
class Tally:
    """What a search has seen: runs by profile, decisions by round, faults met, and failures."""

    runs: Counter[str] = field(default_factory=Counter)
    rounds: Counter[int] = field(default_factory=Counter)
    crashes: int = 0
    refused: int = 0
    evidence: int = 0
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def schedules(self) -> int:
        return sum(self.runs.values())

    @property
    def rate(self) -> float:
        return self.schedules / self.seconds if self.seconds else 0.0

    def add(self, cluster: Cluster, what: str | None) -> None:
        self.runs[cluster.profile.name] += 1
        for host in cluster.hosts:
            self.rounds.update(state.decision[0] for state in host.chain if state.decision)
            self.crashes += host.life
            self.refused += host.refused
        self.evidence += len(cluster.evidence)
        if what is not None:
            self.failures.append(Failure(cluster.seed, cluster.profile.name, what, cluster))


def play(cluster: Cluster) -> str | None:
    """Run to the end; says what broke, or None."""
    try:
        cluster.run()
    except Violation as violation:
        return str(violation)
    return verdict(cluster)


def verdict(cluster: Cluster) -> str | None:
    """Progress, judged when a run is over."""
    if cluster.finished:
        return None
    heights = {host.id: len(host.chain) for host in cluster.correct}
    return f"no progress: {cluster.profile.heights} heights wanted, hosts have {heights}"


def search(
    seeds: Iterable[int],
    profile_of: Callable[[int], Profile],
    make: Callable[[int, Profile], Cluster] = Cluster,
    stop_at: int = 10,
    tell: Callable[[Tally], None] | None = None,
) -> Tally:
    """Play `seeds`, each under its profile, until `stop_at` have failed."""
    tally, began = Tally(), time.process_time()
    for seed in seeds:
        cluster = make(seed, profile_of(seed))
        tally.add(cluster, play(cluster))
        tally.seconds = time.process_time() - began
        if tell is not None:
            tell(tally)
        if len(tally.failures) >= stop_at:
            break
    return tally


def keep(folder: Path, failure: Failure, bug: str) -> Path:
    """Write the schedule of a failure; returns its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"schedule-{failure.profile}-{failure.seed}.json"
    schedule.write(path, failure.cluster, bug, failure.what)
    return path
