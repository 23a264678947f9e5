"""What must hold in every run, whatever fails.

Rules
- Agreement: no two correct validators decide differently at one height.
- Validity: nobody decides a block that the application refuses.
- One voice: a correct validator's key never says two things in one place, through any crash.
- Memory: a validator that restarts knows all that it said at this height, to the last bit: from its log, or
  since what led to it is in the log, and the guard gives the same signature again.
- Justice: only the faulty are found with two different votes.
- Time: a block is later than the one before it, and no later than the latest correct clock.
- Progress: once the network is calm, every correct validator decides every height (`Cluster.finished`).
"""

from ledger.consensus.effects import CommitBlock, EvidenceFound
from ledger.node.wal import Entry
from ledger.types.ids import BlockID
from tests.ledger.simulator.blocks import GENESIS_NS, SimBlock

MS = 1_000_000


class Violation(AssertionError):
    """An invariant is broken. `what` says which and by whom."""


class Invariants:
    """Watches one run; `faulty` are the indices of validators that may do anything."""

    def __init__(self, faulty: frozenset[int], skew_ms: int) -> None:
        self._faulty, self._skew_ms = faulty, skew_ms
        self._decided: dict[int, SimBlock] = {}
        self._spoken: dict[tuple[int, str, int, int], BlockID] = {}
        self._remembered: dict[tuple[int, int], list[Entry]] = {}

    def decided(self, index: int, effect: CommitBlock, block: SimBlock, now: int) -> None:
        """Agreement, validity and time."""
        if index in self._faulty:
            return
        if not block.valid:
            raise Violation(f"validator {index} decided an invalid block at height {effect.height}")
        first = self._decided.setdefault(effect.height, block)
        if first.block_id != block.block_id:
            raise Violation(
                f"fork at height {effect.height}: validator {index} has {block.name}, another {first.name}"
            )
        self._check_time(block, now)

    def _check_time(self, block: SimBlock, now: int) -> None:
        before = self._decided.get(block.height - 1)
        latest = GENESIS_NS + (now + self._skew_ms + block.height) * MS
        if before and not before.time_ns < block.time_ns <= latest:
            raise Violation(
                f"time: {block.name} has {block.time_ns}, after {before.time_ns} and up to {latest} is right"
            )

    def spoke(self, index: int, place: tuple[str, int, int], block_id: BlockID) -> None:
        """One voice."""
        if index in self._faulty:
            return
        if self._spoken.setdefault((index, *place), block_id) != block_id:
            raise Violation(f"two voices: validator {index} said two things at {place}")

    def remember(self, host: int, height: int, entry: Entry) -> None:
        """What a host said and so must find again."""
        self._remembered.setdefault((host, height), []).append(entry)

    def forgive(self, host: int) -> None:
        """A wiped disk remembers nothing: what it said before is not asked for."""
        self._remembered = {key: said for key, said in self._remembered.items() if key[0] != host}

    def replayed(self, host: int, height: int, entries: list[Entry]) -> None:
        """Memory."""
        for said in self._remembered.get((host, height), ()):
            if said not in entries:
                raise Violation(
                    f"forgotten: host {host} said something at height {height} that its log lacks"
                )

    def accused(self, found: EvidenceFound) -> None:
        """Justice."""
        if found.first.validator_index not in self._faulty:
            raise Violation(f"validator {found.first.validator_index}, a correct one, signed two votes")
