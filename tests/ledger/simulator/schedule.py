"""A schedule as JSON: all that reached each validator in a run, so that a failure can be kept and replayed.

A step names its time (ms), its host, and what it heard in words; `entries` are the same inputs as log entries
(kind and hex), which is what a replay reads. A step with a cut arms a power cut; an empty one is a start.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ledger.consensus.inputs import (
    BlockKnown,
    BlockMade,
    Input,
    ProposalReceived,
    TimeoutElapsed,
    TransactionsAvailable,
    VoteReceived,
)
from ledger.node import wal_codec
from ledger.node.wal import Entry
from ledger.types.ids import NIL, BlockID
from tests.ledger.simulator.cluster import Cluster, Step
from tests.ledger.simulator.disk import Cut
from tests.ledger.simulator.mutants import PLANTED
from tests.ledger.simulator.profile import Profile
from tests.ledger.simulator.validator import height_of

FORMAT = "salus consensus schedule 1"


def dump(cluster: Cluster, bug: str, failure: str) -> dict[str, Any]:
    """The run of `cluster` (with the planted bug of this name, or "") and what went wrong in it."""
    return {
        "format": FORMAT,
        "failure": failure,
        "bug": bug,
        "seed": cluster.seed,
        "profile": asdict(cluster.profile),
        "steps": [_step(cluster, step) for step in cluster.steps],
    }


def write(path: Path, cluster: Cluster, bug: str, failure: str) -> None:
    """Keep the schedule in a file, a step per line."""
    whole = dump(cluster, bug, failure)
    steps = ",\n ".join(json.dumps(step) for step in whole.pop("steps"))
    path.write_text(json.dumps(whole)[:-1] + f',\n"steps": [\n {steps}\n]}}\n')


def load(data: dict[str, Any]) -> tuple[Cluster, list[Step]]:
    """A fresh cluster of the same cast, and the steps to replay. Raises ValueError for another format."""
    if data.get("format") != FORMAT:
        raise ValueError(f"expected {FORMAT!r}, got {data.get('format')!r}")
    bug = PLANTED[data["bug"]] if data["bug"] else None
    profile = Profile(**data["profile"])
    cluster = bug.cluster(data["seed"], profile) if bug else Cluster(data["seed"], profile)
    return cluster, [_read_step(cluster, step) for step in data["steps"]]


def _step(cluster: Cluster, step: Step) -> dict[str, Any]:
    shown: dict[str, Any] = {"at": step.at, "host": step.host}
    if step.cut is not None:
        return {**shown, "cut": asdict(step.cut)}
    if not step.heard:
        return {**shown, "start": True}
    entries = [cluster.entry_of(one, height_of(one)) for one in step.heard]
    return {
        **shown,
        "heard": [_words(cluster, one) for one in step.heard],
        "entries": [
            [entry.height, entry.kind, entry.data.hex(), _name(cluster, one)]
            for entry, one in zip(entries, step.heard, strict=True)
        ],
    }


def _name(cluster: Cluster, happened: Input) -> str:
    """The name of the block that an input brings, for the replay's table of blocks."""
    return cluster.block(happened.block_id).name if isinstance(happened, BlockKnown) else ""


def _words(cluster: Cluster, happened: Input) -> str:
    def name(block_id: BlockID) -> str:
        return "nil" if block_id == NIL else f"block {cluster.block(block_id).name}"

    match happened:
        case VoteReceived(vote):
            return f"{vote.validator_index} {vote.type.name.lower()} {vote.round}: {name(vote.block_id)}"
        case ProposalReceived(proposal):
            return f"proposal {proposal.round} (polka {proposal.pol_round}): {name(proposal.block_id)}"
        case BlockKnown() | BlockMade():
            return name(happened.block_id)
        case TimeoutElapsed(step, _, round_):
            return f"timeout {step.name.lower()} {round_}"
        case TransactionsAvailable():
            return "transactions"
    return type(happened).__name__


def _read_step(cluster: Cluster, data: dict[str, Any]) -> Step:
    if "cut" in data:
        return Step(data["at"], data["host"], cut=Cut(**data["cut"]))
    heard = tuple(_read_entry(cluster, *entry) for entry in data.get("entries", ()))
    return Step(data["at"], data["host"], heard)


def _read_entry(cluster: Cluster, height: int, kind: str, data: str, name: str) -> Input:
    logged = wal_codec.decode(Entry(height, kind, bytes.fromhex(data)))
    if isinstance(logged.happened, BlockKnown) and logged.block is not None:
        cluster.learn(logged.happened, logged.block, name)
    return logged.happened
