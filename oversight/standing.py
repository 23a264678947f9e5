"""How validators stand: what the network bears, and what became of each. Pure: sets and blocks in, facts out.

Rules
- A block needs more than two thirds of the power: f of 3f + 1 validators may fail. With f = 0 none may.
- A validator's history follows from the sets that decided and from its entry on the ledger: whom its key was
  rotated to, and whether it was found to have voted twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Powers = Mapping[str, int]
"""Voting power by address."""


@dataclass(frozen=True)
class Entry:
    """What the ledger holds about a validator that changed: `successor` is an address, or empty."""

    successor: str = ""
    faulty: bool = False


@dataclass(frozen=True)
class Step:
    """What became of a validator from block `height` on. `other`: the address before or after."""

    kind: Literal["joined", "left", "rotated_to", "rotated_from", "faulty", "power"]
    height: int
    power: int = 0
    before: int = 0
    other: str = ""


def tolerated(validators: int) -> int:
    """f: how many of so many validators may fail or lie."""
    return max(0, (validators - 1) // 3)


def spare(answering: Iterable[int], total: int) -> int:
    """How many more may fail, whichever they are, before blocks stop; powers of those that answer."""
    powers = sorted(answering, reverse=True)
    left = sum(powers)
    for lost, power in enumerate(powers):
        left -= power
        if 3 * left <= 2 * total:
            return lost
    return 0


def signed_counts(signers: Iterable[Sequence[str]]) -> dict[str, int]:
    """Of these blocks' signers, how many blocks each address signed."""
    counts: defaultdict[str, int] = defaultdict(int)
    for addresses in signers:
        for address in addresses:
            counts[address] += 1
    return dict(counts)


def history(sets: Sequence[tuple[int, Powers]], entries: Mapping[str, Entry]) -> dict[str, list[Step]]:
    """The steps of each address, oldest first. `sets`: from which height each set decides, ascending."""
    steps: defaultdict[str, list[Step]] = defaultdict(list)
    for (_, before), (height, after) in pairwise(sets):
        for address in sorted(before.keys() | after.keys()):
            if (step := _step(address, height, before, after, entries)) is not None:
                steps[address].append(step)
    return dict(steps)


def _step(
    address: str, height: int, before: Powers, after: Powers, entries: Mapping[str, Entry]
) -> Step | None:
    was, now = before.get(address, 0), after.get(address, 0)
    if was == now:
        return None
    entry = entries.get(address, Entry())
    if not now:
        if entry.successor in after:
            return Step("rotated_to", height, before=was, other=entry.successor)
        return Step("faulty" if entry.faulty else "left", height, before=was)
    if not was:
        old = next((one for one in before if entries.get(one, Entry()).successor == address), "")
        return Step("rotated_from" if old else "joined", height, now, other=old)
    return Step("power", height, now, was)
