"""Which blocks may hold an event: what searching by event begins with.

Rules
- For every attribute of every event the index keeps four bytes of a hash of key and value, in the ledger's
  order, and for every block where its bytes begin and how many events of each type it has. A search finds
  candidates here and then asks the stored blocks themselves: a hash that collides costs time, never truth.
- The hash is Python's own, keyed anew in each process: nobody can prepare values that collide.
- It follows the block store from behind, in short slices between other work, never while a block is being
  committed. A search first lets it catch up. It is lost with the process and made again from the blocks.
- Cost (`make bench-events`): 8 bytes and 2.3 µs for each transaction, the reading of its block included.
"""

import asyncio
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable
from time import perf_counter

from ledger.node.block_store import BlockStore, StoredBlock
from ledger.node.event_tags import block_events
from ledger.node.executor import stored_results

PRINT_BYTES = 4
SLICE_S = 0.003
PAUSE_S = 0.03
SCANNED_AT_ONCE = 4 * 1024 * 1024
"""Bytes of the index that are looked through before others get their turn."""

Kinds = tuple[tuple[str, int], ...]


class EventIndex:
    """The index over one block store."""

    def __init__(self, store: BlockStore) -> None:
        self._store = store
        self._base = store.base
        self._prints = bytearray()
        self._starts = array("Q", [0])
        self._kinds: list[Kinds] = []
        self._same: dict[Kinds, Kinds] = {}
        self.counts: Counter[str] = Counter()
        """How many events of each type the indexed blocks hold."""
        self.txs = 0
        """How many transactions were indexed, also in blocks that were pruned since."""
        self.one_search = asyncio.Lock()
        self.searches = 0
        """How many searches run or wait."""

    @property
    def base(self) -> int:
        """The first block that is indexed."""
        return self._base

    @property
    def height(self) -> int:
        """The last block that is indexed."""
        return self._base - 1 + len(self._kinds)

    @property
    def size(self) -> int:
        """Bytes of fingerprints and offsets."""
        return len(self._prints) + self._starts.itemsize * len(self._starts) + 8 * len(self._kinds)

    async def follow(self, block_comes: Callable[[int], Awaitable[None]]) -> None:
        """Keep up with the store for ever. `block_comes(height)` returns once that block is stored."""
        while True:
            await block_comes(self.height + 1)
            self._advance()
            await asyncio.sleep(PAUSE_S)

    async def catch_up(self) -> None:
        """Return once every block that is stored now is indexed."""
        wanted = self._store.height
        while self.height < wanted:
            self._advance()
            await asyncio.sleep(0)

    def _advance(self) -> None:
        """Index the next blocks for a moment."""
        until = perf_counter() + SLICE_S
        self._forget_pruned()
        while self.height < self._store.height and perf_counter() < until:
            stored = self._store.load(self.height + 1)
            if stored is None:
                return
            self._add(stored)

    def _add(self, stored: StoredBlock) -> None:
        kinds: Counter[str] = Counter()
        results = stored_results(stored)
        events = [event for result in results for event in result.events]
        for event in (*events, *block_events(stored)):
            kinds[event.type] += 1
            for key, value in event.attributes:
                self._prints += _print(f"{event.type}.{key}", value)
        self._starts.append(len(self._prints))
        self.txs += len(results)
        counted = tuple(sorted(kinds.items()))
        self._kinds.append(self._same.setdefault(counted, counted))
        self.counts.update(kinds)

    def _forget_pruned(self) -> None:
        """The store may have dropped its oldest blocks, or begun at a later one."""
        gone = min(self._store.base - self._base, len(self._kinds))
        if gone > 0:
            cut = self._starts[gone]
            for kinds in self._kinds[:gone]:
                self.counts.subtract(dict(kinds))
            del self._prints[:cut], self._kinds[:gone]
            self._starts = array("Q", (start - cut for start in self._starts[gone:]))
        self._base = max(self._base, self._store.base)

    def next_with_value(self, key: str, value: str, within: range) -> tuple[int | None, int]:
        """The first block in `within` that may hold this value under this key, and where to go on from.

        Looks through `SCANNED_AT_ONCE` bytes at most: None says that none was found so far.
        """
        wanted = _print(key, value)
        first, stop = self._place(within.start), self._place(within.stop)
        last = bisect_right(self._starts, self._starts[first] + SCANNED_AT_ONCE) - 1
        stop = min(stop, max(last, first + 1))
        at, end = self._starts[first], self._starts[stop]
        while (found := self._prints.find(wanted, at, end)) >= 0 and found % PRINT_BYTES:
            at = found + 1
        if found < 0:
            return None, self._base + stop
        height = self._base + bisect_right(self._starts, found) - 1
        return height, height + 1

    def holds_type(self, height: int, type_: str) -> bool:
        """Whether the block at `height` holds an event of this type."""
        return any(kind == type_ for kind, _ in self._kinds[self._place(height)])

    def _place(self, height: int) -> int:
        return min(max(height - self._base, 0), len(self._kinds))


def _print(key: str, value: str) -> bytes:
    return hash((key, value)).to_bytes(8, "little", signed=True)[:PRINT_BYTES]
