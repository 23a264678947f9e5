"""Retries what a provider says may be retried; every other error passes at once.

Waits double from `first_wait` seconds, `attempts` calls in all. The sleep is an argument, for tests.
"""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from storage.core.cipher import Buffer

from .base import ObjectStat, ObjectWriter, Provider, ProviderError

T = TypeVar("T")
Sleep = Callable[[float], None]


class RetryProvider(Provider):
    """`inner`, asked again when it was unavailable."""

    def __init__(
        self, inner: Provider, *, attempts: int = 3, first_wait: float = 0.1, sleep: Sleep = time.sleep
    ) -> None:
        self.name, self.domain = inner.name, inner.domain
        self._inner, self._attempts, self._first_wait, self._sleep = inner, attempts, first_wait, sleep

    def again(self, call: Callable[[], T]) -> T:
        """The call's result, trying `attempts` times while it says retry."""
        for attempt in range(self._attempts - 1):
            try:
                return call()
            except ProviderError as error:
                if not error.retry:
                    raise
            self._sleep(self._first_wait * 2**attempt)
        return call()

    def open(self, name: str) -> ObjectWriter:
        return _RetryWriter(self, self.again(lambda: self._inner.open(name)))

    def read(self, name: str, offset: int, length: int) -> bytes:
        return self.again(lambda: self._inner.read(name, offset, length))

    def stat(self, name: str) -> ObjectStat:
        return self.again(lambda: self._inner.stat(name))

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        return iter(self.again(lambda: list(self._inner.list(prefix))))

    def delete(self, name: str) -> None:
        self.again(lambda: self._inner.delete(name))

    def abandon(self, prefix: str) -> None:
        self.again(lambda: self._inner.abandon(prefix))

    def probe(self) -> None:
        self._inner.probe()


class _RetryWriter(ObjectWriter):
    def __init__(self, provider: RetryProvider, inner: ObjectWriter) -> None:
        self._provider, self._inner = provider, inner

    def write(self, data: Buffer) -> None:
        self._provider.again(lambda: self._inner.write(data))

    def finish(self) -> int:
        return self._provider.again(self._inner.finish)

    def abort(self) -> None:
        self._inner.abort()
