"""How much may be in memory at once: requests in progress, and the bytes that they hold.

Rules
- At most `MAX_REQUESTS` requests are in progress, waiting ones included; more are answered "busy".
- A validator's answer above `SMALL` bytes counts against `MAX_BYTES` until the request that asked for it is
  answered, its bytes written out to the client: who reads slowly keeps them, for a limited time.
- At most `MAX_LARGE` answers that may be large are fetched at a time: validators are not flooded, either.
- A request that holds such bytes already never waits for more: two of them could wait for each other.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from ledger.thin.errors import Busy

MAX_REQUESTS = 64
MAX_BYTES = 16 * 1024 * 1024
SMALL = 64 * 1024
MAX_LARGE = 2
WAIT_S = 5.0


class Held:
    """The bytes that one request keeps in memory."""

    def __init__(self) -> None:
        self.bytes = 0


_request: ContextVar[Held | None] = ContextVar("request", default=None)


class Memory:
    """The account of one thin node. Not thread-safe: everything happens on its event loop."""

    def __init__(self, max_requests: int = MAX_REQUESTS, max_bytes: int = MAX_BYTES) -> None:
        self._free = max_requests
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._freed = asyncio.Event()
        self._large = asyncio.Semaphore(MAX_LARGE)

    @asynccontextmanager
    async def large(self) -> AsyncIterator[None]:
        """One of those that may fetch a large answer now. Raises Busy when others do for too long."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._large.acquire()
        except TimeoutError:
            raise Busy("too many large answers at once") from None
        try:
            yield
        finally:
            self._large.release()

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Room for one request and what is fetched for it. Raises Busy."""
        if self._free == 0:
            raise Busy("too many requests at once")
        self._free -= 1
        held = Held()
        token = _request.set(held)
        try:
            yield
        finally:
            _request.reset(token)
            self._free += 1
            self._give_back(held)

    @asynccontextmanager
    async def own_work(self) -> AsyncIterator[None]:
        """Room for what this node fetches of its own accord."""
        held = Held()
        token = _request.set(held)
        try:
            yield
        finally:
            _request.reset(token)
            self._give_back(held)

    async def take(self, size: int) -> None:
        """Count an answer of `size` bytes as held by this request. Raises Busy when there is no room."""
        held = _request.get()
        if size <= SMALL or held is None:
            return
        if held.bytes and self._left < size:
            raise Busy("one request asks for too much: ask for its parts one after the other")
        try:
            async with asyncio.timeout(WAIT_S):
                while self._left < size:
                    await self._freed.wait()
        except TimeoutError:
            raise Busy("too many large answers at once") from None
        self._left -= size
        held.bytes += size

    def _give_back(self, held: Held) -> None:
        self._left += held.bytes
        held.bytes = 0
        self._freed.set()
        self._freed = asyncio.Event()
