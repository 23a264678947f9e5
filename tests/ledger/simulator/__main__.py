"""`python -m tests.ledger.simulator`: search schedules of consensus for a fork, or replay one.

Exit code 0: nothing was found. 1: an invariant broke; the seed is printed and its schedule is kept.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.ledger.simulator import schedule
from tests.ledger.simulator.cluster import Cluster
from tests.ledger.simulator.invariants import Violation
from tests.ledger.simulator.mutants import PLANTED
from tests.ledger.simulator.profile import PROFILES, Profile, mixed
from tests.ledger.simulator.search import Tally, keep, search, verdict


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger.simulator", description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000, help="how many schedules to try")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; seeds count up from it")
    parser.add_argument("--profile", choices=["mixed", *PROFILES], default="mixed", help="what goes wrong")
    parser.add_argument("--bug", choices=list(PLANTED), default="", help="plant this bug in every validator")
    parser.add_argument("--keep", type=Path, default=Path("var/schedules"), help="where failing schedules go")
    parser.add_argument("--stop-at", type=int, default=10, help="stop after so many failures")
    parser.add_argument("--replay", type=Path, help="play a kept schedule instead of searching")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    args = arguments(given)
    return replay(args.replay) if args.replay else find(args)


def replay(path: Path) -> int:
    """Play a kept schedule step by step, and say what broke."""
    cluster, steps = schedule.load(json.loads(path.read_text()))
    try:
        cluster.replay(steps)
        what = verdict(cluster)
    except Violation as violation:
        what = str(violation)
    print(f"{len(cluster.steps)} of {len(steps)} steps played: {what or 'every invariant held'}")
    return 1 if what else 0


def find(args: argparse.Namespace) -> int:
    """Search, printing progress and every failing seed."""
    planted = PLANTED[args.bug] if args.bug else None
    make = planted.cluster if planted else Cluster

    def profile_of(seed: int) -> Profile:
        if args.profile != "mixed":
            return PROFILES[args.profile]
        return planted.profile if planted else mixed(seed)

    every = max(1, args.runs // 10)

    def tell(tally: Tally) -> None:
        if tally.schedules % every == 0:
            print(f"  {tally.schedules} schedules, {tally.rate:.0f} a second of CPU", flush=True)

    seeds = range(args.seed, args.seed + args.runs)
    tally = search(seeds, profile_of, make, args.stop_at, tell)
    report(tally, args)
    return 1 if tally.failures else 0


def report(tally: Tally, args: argparse.Namespace) -> None:
    """Schedules, rate and what was met in them; then each failure with its seed and file."""
    later = sum(count for round_, count in tally.rounds.items() if round_)
    print(f"schedules {tally.schedules} from seed {args.seed}, {tally.rate:.0f} a second of CPU")
    print("profiles  " + ", ".join(f"{name} {count}" for name, count in sorted(tally.runs.items())))
    print(
        f"met       {sum(tally.rounds.values())} decisions, {later} of them after round 0 "
        f"(latest {max(tally.rounds, default=0)}), {tally.crashes} power cuts and restarts, "
        f"{tally.refused} altered logs refused, {tally.evidence} double votes caught"
    )
    for failure in tally.failures:
        path = keep(args.keep, failure, args.bug)
        print(f"FAILED    seed {failure.seed} profile {failure.profile}: {failure.what}\n          {path}")
    if not tally.failures:
        print("failures  none")


if __name__ == "__main__":
    sys.exit(main())
