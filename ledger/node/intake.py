"""Transactions that peers sent, before they are checked: worked off in slices, so that votes never wait long.

Rules
- Checking a transaction costs a signature verification. A frame of a thousand of them, checked in one go,
  would hold up every vote behind it; so they queue here, and a slice is checked per turn of the loop.
- The queue is bounded in count and bytes. What does not fit is let go: whoever took it from its client still
  holds it and puts it into a block when it proposes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from ledger.node.errors import MempoolRefused

SLICE = 256
"""Transactions checked together per turn of the loop, if so many wait: five milliseconds. The more signatures
are verified together, the less each costs."""
MAX_WAITING = 20_000
MAX_BYTES = 16 * 1024 * 1024

Refused = Callable[[int], None]


class Intake:
    """`add_all(wires)` is the pool's; `came()` is called after a slice that brought something new."""

    def __init__(
        self, add_all: Callable[[Sequence[bytes]], list[bool | MempoolRefused]], came: Callable[[], None]
    ) -> None:
        self._add_all = add_all
        self._came = came
        self._waiting: deque[tuple[bytes, Refused]] = deque()
        self._bytes = 0
        self._working = False
        self.dropped = 0
        """Transactions let go because the queue was full."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, txs: Iterable[bytes], refused: Refused) -> None:
        """Queue these for checking; `refused(code)` is called for each that the pool does not take."""
        for wire in txs:
            if len(self._waiting) >= MAX_WAITING or self._bytes + len(wire) > MAX_BYTES:
                self.dropped += 1
                continue
            self._waiting.append((wire, refused))
            self._bytes += len(wire)
        if self._waiting and not self._working:
            self._working = True
            asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        cut = [self._waiting.popleft() for _ in range(min(SLICE, len(self._waiting)))]
        wires = [wire for wire, _ in cut]
        self._bytes -= sum(map(len, wires))
        answers = self._add_all(wires)
        for (_, refused), answer in zip(cut, answers, strict=True):
            if isinstance(answer, MempoolRefused):
                refused(answer.code)
        if True in answers:
            self._came()
        self._working = bool(self._waiting)
        if self._working:
            asyncio.get_running_loop().call_soon(self._work)
