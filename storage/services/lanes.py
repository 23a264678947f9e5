"""A few threads per provider, so that one that hangs stops nobody else, nor the process's exit.

The standard pool joins its threads at exit; a thread stuck in a dead mount would hold the process for ever.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from storage.providers.metering import MeteredProvider

T = TypeVar("T")
THREADS = 4


class Lane:
    """One provider and its threads, started when first needed."""

    def __init__(self, provider: MeteredProvider, threads: int = THREADS) -> None:
        self.provider = provider
        self._threads, self._started = threads, 0
        self._idle = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()

    def submit(self, call: Callable[[], T]) -> "Future[T]":
        """Run the call on one of the lane's threads."""
        future: Future[T] = Future()
        with self._lock:
            start = self._started < self._threads and self._idle <= self._jobs.qsize()
            self._started += start
        self._jobs.put((future, call))
        if start:
            threading.Thread(target=self._work, name=f"storage {self.provider.name}", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            future, call = self._jobs.get()
            with self._lock:
                self._idle -= 1
            if future.set_running_or_notify_cancel():
                _fulfil(future, call)
            del future, call  # a waiting thread must not keep the last shard in memory


def _fulfil(future: "Future[T]", call: Callable[[], T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
