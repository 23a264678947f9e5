"""Counts what a provider does, and judges its health from it.

Rules
- Healthy unless the last FAULTS calls in a row were faults; after COOL_DOWN seconds it gets another chance.
- A missing object, wrong bytes and slowness found by the reader count as faults too (`Meter.fault`).
- `seconds` is a moving average (weight 1/8) of reads.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from storage.core.cipher import Buffer

from .base import ObjectStat, ObjectWriter, Provider, ProviderError, ProviderRefused, ProviderUnavailable

T = TypeVar("T")
Clock = Callable[[], float]
FAULTS = 3
COOL_DOWN = 30.0


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How a provider has done in this process. `read_ms` is the average of its reads."""

    name: str
    domain: str
    healthy: bool
    read_ms: float
    bytes_read: int
    bytes_written: int
    faults: int
    last_error: str


class Meter:
    """One provider's counters; any thread may use it."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._lock, self._clock = threading.Lock(), clock
        self.seconds = 0.0
        self.bytes_read = self.bytes_written = self.faults = 0
        self.last_error = ""
        self._in_a_row, self._last_fault = 0, 0.0

    def now(self) -> float:
        """The meter's clock, in seconds."""
        return self._clock()

    def read_done(self, length: int, started: float) -> None:
        """A read succeeded."""
        with self._lock:
            self.bytes_read += length
            self.seconds += (self._clock() - started - self.seconds) / 8
            self._in_a_row = 0

    def write_done(self, length: int) -> None:
        """A write succeeded."""
        with self._lock:
            self.bytes_written += length
            self._in_a_row = 0

    def fault(self, reason: str) -> None:
        """The provider failed or gave something wrong."""
        with self._lock:
            self.faults += 1
            self._in_a_row += 1
            self._last_fault, self.last_error = self._clock(), reason

    @property
    def healthy(self) -> bool:
        """Whether to prefer this provider."""
        with self._lock:
            return self._in_a_row < FAULTS or self._clock() - self._last_fault > COOL_DOWN


class MeteredProvider(Provider):
    """`inner`, counted."""

    def __init__(self, inner: Provider, clock: Clock = time.monotonic) -> None:
        self.name, self.domain = inner.name, inner.domain
        self.meter = Meter(clock)
        self._inner = inner

    def health(self) -> ProviderHealth:
        """What the meter says now."""
        m = self.meter
        return ProviderHealth(
            self.name,
            self.domain,
            m.healthy,
            round(m.seconds * 1000, 3),
            m.bytes_read,
            m.bytes_written,
            m.faults,
            m.last_error,
        )

    def counted(self, call: Callable[[], T]) -> T:
        """The call's result; the provider's own errors are counted."""
        try:
            return call()
        except ProviderError as error:
            if isinstance(error, ProviderUnavailable | ProviderRefused):
                self.meter.fault(error.reason)
            raise

    def open(self, name: str) -> ObjectWriter:
        return _MeteredWriter(self, self.counted(lambda: self._inner.open(name)))

    def read(self, name: str, offset: int, length: int) -> bytes:
        started = self.meter.now()
        data = self.counted(lambda: self._inner.read(name, offset, length))
        self.meter.read_done(len(data), started)
        return data

    def stat(self, name: str) -> ObjectStat:
        return self.counted(lambda: self._inner.stat(name))

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        return iter(self.counted(lambda: list(self._inner.list(prefix))))

    def delete(self, name: str) -> None:
        self.counted(lambda: self._inner.delete(name))

    def abandon(self, prefix: str) -> None:
        self.counted(lambda: self._inner.abandon(prefix))

    def probe(self) -> None:
        self.counted(self._inner.probe)


class _MeteredWriter(ObjectWriter):
    def __init__(self, provider: MeteredProvider, inner: ObjectWriter) -> None:
        self._provider, self._inner = provider, inner

    def write(self, data: Buffer) -> None:
        self._provider.counted(lambda: self._inner.write(data))
        self._provider.meter.write_done(len(data))

    def finish(self) -> int:
        return self._provider.counted(self._inner.finish)

    def abort(self) -> None:
        self._inner.abort()
