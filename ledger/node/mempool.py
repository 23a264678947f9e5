"""Transactions that wait for a block: first in, first out, bounded, each checked once on entry.

Rules
- One ordered map, hash to bytes, is the only truth: there is no list beside it that could drift.
- A full pool refuses ("busy"): past saturation, refusing early keeps what was accepted moving.
- After each block the next in line are checked again against the new state; what fails leaves the pool. Not
  all: under load that would cost more than the block. Whoever proposes filters again anyway.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from ledger.machine.results import CheckResult
from ledger.node.errors import MempoolRefused

BUSY = 1001
"""Our own code beside the machine's table (all below 1000): the pool is full, try again soon."""

RECHECKED = 50
"""How many of the oldest are checked again after a block."""


def refusal(checked: CheckResult) -> MempoolRefused:
    """What a sender is told of a check that failed."""
    return MempoolRefused(int(checked.code), f"{checked.code.name}: {checked.reason}", checked.permanent)


class Mempool:
    """`check(wires)` is the application's CheckTx of each at this moment. `is_committed(hash)` tells whether
    a block holds a transaction: one that comes after its block is not worth a check."""

    def __init__(
        self,
        check: Callable[[Sequence[bytes]], Sequence[CheckResult]],
        max_txs: int = 5_000,
        max_bytes: int = 16 * 1024 * 1024,
        is_committed: Callable[[bytes], object] = lambda tx_hash: False,
    ) -> None:
        self._check = check
        self._is_committed = is_committed
        self._max_txs = max_txs
        self._max_bytes = max_bytes
        self._txs: dict[bytes, bytes] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._txs)

    def __contains__(self, tx_hash: bytes) -> bool:
        return tx_hash in self._txs

    def __iter__(self) -> Iterator[bytes]:
        return iter(tuple(self._txs.values()))

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken in."""
        return len(self._txs) >= self._max_txs or self.bytes >= self._max_bytes

    def add(self, wire: bytes) -> bool:
        """Take `wire` in; False when it is here or in a block already. Raises MempoolRefused."""
        (answer,) = self.add_all((wire,))
        if isinstance(answer, MempoolRefused):
            raise answer
        return answer

    def add_all(self, wires: Sequence[bytes]) -> list[bool | MempoolRefused]:
        """`add` of each in order, with what it returns or raises. Checked together they cost less."""
        answers: list[bool | MempoolRefused] = [False] * len(wires)
        new: dict[bytes, int] = {}
        count, size = len(self._txs), self.bytes
        for place, wire in enumerate(wires):
            tx_hash = hashlib.sha256(wire).digest()
            if tx_hash in self._txs or tx_hash in new or self._is_committed(tx_hash):
                continue
            if count >= self._max_txs or size + len(wire) > self._max_bytes:
                answers[place] = MempoolRefused(
                    BUSY, f"busy: {count} transactions wait, try again shortly", False
                )
                continue
            new[tx_hash] = place
            count, size = count + 1, size + len(wire)
        if new:
            checks = self._check([wires[place] for place in new.values()])
            for (tx_hash, place), checked in zip(new.items(), checks, strict=True):
                answers[place] = self._take(tx_hash, wires[place], checked)
        return answers

    def _take(self, tx_hash: bytes, wire: bytes, checked: CheckResult) -> bool | MempoolRefused:
        if not checked.ok:
            return refusal(checked)
        self._txs[tx_hash] = wire
        self.bytes += len(wire)
        return True

    def oldest(self, max_bytes: int, max_txs: int) -> list[bytes]:
        """The longest waiting transactions that fit; they stay here until a block holds them."""
        taken: list[bytes] = []
        for wire in self._txs.values():
            max_bytes -= len(wire) + 8
            if max_bytes < 0 or len(taken) == max_txs:
                break
            taken.append(wire)
        return taken

    def remove(self, tx_hashes: Iterable[bytes]) -> None:
        """Forget the transactions with these SHA-256: a block holds them, or none ever will."""
        for tx_hash in tx_hashes:
            if (gone := self._txs.pop(tx_hash, None)) is not None:
                self.bytes -= len(gone)

    def recheck(self, most: int = RECHECKED) -> list[tuple[bytes, CheckResult]]:
        """Check the oldest `most` again after a block; returns the hashes of those dropped, with why."""
        oldest = list(islice(self._txs.items(), most))
        if not oldest:
            return []
        checks = self._check([wire for _, wire in oldest])
        failed = [(tx_hash, one) for (tx_hash, _), one in zip(oldest, checks, strict=True) if not one.ok]
        self.remove(tx_hash for tx_hash, _ in failed)
        return failed
