"""When a snapshot is taken, and writing it while the ledger goes on.

Rules
- One is taken at every multiple of `every` blocks, and newcomers are offered it. One for ourselves is taken
  once `txs` transactions came since the last one: a restart executes those and no more, but for what comes
  while one is being written.
- Were all validators to write at once, none would be free to decide blocks meanwhile. So each has its turn:
  the first one for ourselves, and the first after one that all take, is due earlier by it; one that all take
  is written later by it, for which no more is held than the tree of that block.
- A state tree is never changed, so a thread may write the one of some block while later ones are made. It
  costs no second copy of the state, and no other process.
- The thread encodes a part of the tree at a time (a tenth of a millisecond at a million consents), and rests
  as long as it computed: consensus waits for it no longer than for one part. Digests and disk need no
  interpreter lock.
- A snapshot that cannot be written is logged and left; those before it stay, and the next one is due later.
- While one is written, another waits if it is to be offered; the latest such one only.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ledger.node.chain import ChainState
from ledger.node.log import log
from ledger.node.snapshot_shelf import SnapshotShelf

SNAPSHOT_TXS = 100_000
"""At 45 us for each, executing so many again takes 3.4 s; docs/ledger-performance.md has the whole bound."""
BURST_S = 0.001
WRITERS = 4
"""So many are assumed to write one after another where all take a snapshot, each as long as we did last."""
REST = 1.0

Pieces = Iterable[bytes]
"""The application's part of a state. Made in the thread: they must tell of what never changes."""


@dataclass(frozen=True, slots=True)
class _Job:
    state: ChainState
    pieces: Pieces
    offered: bool


class SnapshotWriter:
    """Writes to one shelf, in a thread of its own while there is something to write."""

    def __init__(self, shelf: SnapshotShelf, every: int, txs: int = SNAPSHOT_TXS, turn: float = 1.0) -> None:
        """`turn`, above 0 and at most 1: the share of `txs` after which the first one is due."""
        self._shelf = shelf
        self._every = every
        self._txs = txs
        self._turn = turn
        self._due = turn * txs
        self._took_s = 0.0
        self._taken = 0
        """The block after which one was taken last; it may still be being written."""
        self._txs_since = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: _Job | None = None
        self._hurry = threading.Event()

    def begin(self, height: int) -> None:
        """The snapshot of this height is the one that the state was restored from, or that all take."""
        self._taken, self._txs_since, self._due = height, 0, self._turn * self._txs

    def executed(self, txs: int) -> None:
        """A stored block with so many transactions was executed again."""
        self._txs_since += txs

    def committed(self, state: ChainState, txs: int, snapshot: Callable[[], Pieces]) -> None:
        """A block with so many transactions was committed: take its state if that is due."""
        self._txs_since += txs
        offered = state.height % self._every == 0
        if offered or self._txs_since >= self._due:
            self._take(_Job(state, snapshot(), offered))

    def save(self, state: ChainState, snapshot: Callable[[], Pieces]) -> None:
        """Return once this state is on disk, or could not be written, and nothing is being written."""
        self.finish()
        if state.height > self._taken:
            self._take(_Job(state, snapshot(), offered=False))
            self.finish()

    def adopted(self, state: ChainState, pieces: Pieces) -> None:
        """Return once this state, which peers gave us, is on disk. Raises OSError."""
        self.finish()
        self._shelf.write(state, pieces, offered=False)
        self.begin(state.height)

    def finish(self) -> None:
        """Return once nothing is being written and nothing waits; until then, without rests."""
        self._hurry.set()
        while (thread := self._thread) is not None:
            thread.join()
        self._hurry.clear()

    def _take(self, job: _Job) -> None:
        with self._lock:
            if self._thread is None:
                name = f"snapshot {job.state.height}"
                self._thread = threading.Thread(target=self._work, args=(job,), name=name, daemon=True)
                self._thread.start()
            elif job.offered:
                self._waiting = job
            else:
                return  # it is due still, after the next block
        self.begin(job.state.height)
        if not job.offered:
            self._due = self._txs

    def _work(self, job: _Job | None) -> None:
        try:
            while job is not None:
                self._write(job)
                job = self._next()
        except BaseException:
            with self._lock:
                self._thread = None
            raise

    def _next(self) -> _Job | None:
        with self._lock:
            job, self._waiting = self._waiting, None
            if job is None:
                self._thread = None
            return job

    def _write(self, job: _Job) -> None:
        if job.offered:
            self._hurry.wait(WRITERS * self._turn * self._took_s)
        began, height = time.monotonic(), job.state.height
        try:
            label = self._shelf.write(job.state, self._resting(job.pieces), job.offered)
        except OSError as error:
            log("snapshot_failed", height=height, why=str(error), next="those before it stay")
            return
        self._took_s = time.monotonic() - began
        took_ms = round(1000 * self._took_s)
        log("snapshot", height=height, chunks=len(label.chunks), offered=job.offered, ms=took_ms)

    def _resting(self, pieces: Pieces) -> Iterator[bytes]:
        """The same pieces, with rests after what making and writing them took of the processor."""
        rested = time.thread_time()
        for piece in pieces:
            yield piece
            if (spent := time.thread_time() - rested) > BURST_S:
                self._hurry.wait(REST * spent)
                rested = time.thread_time()
