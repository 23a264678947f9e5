"""Writes one slot's shards, in order, into one provider's pack objects, on a thread of its own.

Rules
- At most QUEUED shards wait, so memory is bounded whatever the provider's speed.
- The first failure is kept; what comes after it is dropped, and the uploader decides whether it can go on.
- Nothing is visible at the provider under a name before that object is finished.
"""

import contextlib
import queue
import threading
from collections.abc import Callable

from storage.core.cipher import Buffer
from storage.providers.base import ObjectWriter, Provider, ProviderError

QUEUED = 2


class SlotWriter:
    """The uploader's side calls `append`, then `close` and `wait`, or `cancel`."""

    def __init__(self, slot: int, provider: Provider, object_name: Callable[[int], str]) -> None:
        self.slot, self.provider = slot, provider
        self.failure: str | None = None
        self._object_name = object_name
        self._queue: queue.Queue[tuple[int, Buffer] | None] = queue.Queue(QUEUED)
        self._cancelled = threading.Event()
        self._writer: ObjectWriter | None = None
        self._segment = -1
        self._thread = threading.Thread(target=self._run, name=f"storage slot {slot}", daemon=True)
        self._thread.start()

    def append(self, segment: int, shard: Buffer, timeout: float) -> None:
        """Queue a shard; a provider that takes none for `timeout` seconds has failed."""
        self._offer((segment, shard), timeout)

    def close(self, timeout: float) -> None:
        """No more shards: finish the last object."""
        self._offer(None, timeout)

    def wait(self, timeout: float) -> bool:
        """Whether the thread has ended; if not in time, that is the slot's failure."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._fail("too slow: did not finish in time")
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Drop everything as soon as the provider lets go."""
        self._cancelled.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)

    def _offer(self, item: tuple[int, Buffer] | None, timeout: float) -> None:
        if self.failure is not None and item is not None:
            return
        try:
            self._queue.put(item, timeout=timeout)
        except queue.Full:
            self._fail(f"too slow: took nothing for {timeout:g} s")
            self.cancel()

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or reason

    def _run(self) -> None:
        while (item := self._queue.get()) is not None and not self._cancelled.is_set():
            if self.failure is None:
                self._guarded(lambda item=item: self._write(*item))  # type: ignore[misc]
            del item  # an idle writer must not keep a stripe in memory
        if self.failure is None and not self._cancelled.is_set():
            self._guarded(self._finish)
        elif self._writer is not None:
            self._writer.abort()

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except ProviderError as error:
            self._fail(error.reason)
        except Exception as error:  # a provider that breaks its contract must not hang the upload
            self._fail(f"broke its contract: {type(error).__name__}")
        if self.failure is not None and self._writer is not None:
            self._writer.abort()
            self._writer = None

    def _write(self, segment: int, shard: Buffer) -> None:
        if segment != self._segment:
            self._finish()
            self._writer = self.provider.open(self._object_name(segment))
            self._segment = segment
        assert self._writer is not None
        self._writer.write(shard)

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.finish()
            self._writer = None
