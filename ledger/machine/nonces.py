"""When each remembered nonce may be forgotten: a heap beside the state, rebuilt from it at any time."""

import heapq
from collections.abc import Iterable

from ledger.machine.entries import NONCE_DECODER, NONCE_PREFIX


class NonceExpiry:
    """Keys of nonce entries by `not_after`. Holds nothing that the state does not hold."""

    def __init__(self, entries: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._heap: list[tuple[int, bytes]] = []
        self.remember(entries)

    def remember(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Take note of nonces among committed pairs; other pairs are passed over."""
        for key, value in entries:
            if key.startswith(NONCE_PREFIX):
                heapq.heappush(self._heap, (NONCE_DECODER.decode(value).not_after, key))

    def expired(self, time_ms: int) -> list[bytes]:
        """Keys whose `not_after` lies before `time_ms`, left in place: the block may yet be refused."""
        found, waiting = [], [0]
        while waiting:
            at = waiting.pop()
            if at < len(self._heap) and self._heap[at][0] < time_ms:
                found.append(self._heap[at][1])
                waiting.extend((2 * at + 1, 2 * at + 2))
        return found

    def forget(self, time_ms: int) -> None:
        """Drop what a committed block with this header time removed."""
        while self._heap and self._heap[0][0] < time_ms:
            heapq.heappop(self._heap)
