"""The light client at work: in one thread of its own, for it is not thread-safe, its I/O on the event loop.

Rules
- Each step is taken with one validator that serves and all others that answer as witnesses; without a second
  one no step is taken.
- What it verified is on disk a few seconds later; a disk that fails stops nothing.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ledger.client.errors import LedgerUnavailable, NotFound
from ledger.light.client import LightClient
from ledger.light.detector import examine
from ledger.light.errors import LightClientError, NoSuchBlock, NotConfirmed, ProviderError
from ledger.light.provider import Provider
from ledger.light.verdict import LightBlock, Options
from ledger.node.log import log
from ledger.thin.pool import Pool, Source
from ledger.thin.trust import PacedStore
from ledger.thin.upstream import LIGHT_S

Step = Callable[[LightClient], LightBlock]


class Climber:
    """Runs steps of the light client over `store`. `clock_ns` answers nanoseconds since 1970."""

    def __init__(self, pool: Pool, store: PacedStore, options: Options, clock_ns: Callable[[], int]) -> None:
        self._pool = pool
        self._store = store
        self._options = options
        self._clock_ns = clock_ns
        self._thread = ThreadPoolExecutor(1, "light")
        self._fetchers = ThreadPoolExecutor(4, "fetch")

    async def climb(self, step: Step, source: Source | None) -> LightBlock:
        """Take one step, asking `source` first. Raises the light client's errors, also AttackDetected."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._step, loop, step, source)

    async def examine(self, ours: LightBlock, source: Source) -> None:
        """`source` has another header than the verified `ours`. Raises AttackDetected if it proves it."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._examine, ours, source)

    async def fetch(self, height: int, source: Source) -> LightBlock:
        """`source`'s light block of `height`, unverified. Raises NotFound, LedgerUnavailable."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._fetchers, source.provider.light_block, height)
        except NoSuchBlock as error:
            raise NotFound(f"height {height} is not available") from error
        except ProviderError as error:
            raise LedgerUnavailable(str(error)) from error

    async def flush(self, every_s: float) -> None:
        """Write down what is verified, if that was not done within `every_s` seconds."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._store.flush, every_s)
        except OSError as error:
            log("not_written", why=str(error), next="free space or replace the disk; it goes on in memory")

    async def close(self) -> None:
        """Write down what is verified, and end the threads."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIGHT_S + 1):
                await self.flush(0.0)
        for executor in (self._thread, self._fetchers):
            executor.shutdown(wait=False, cancel_futures=True)

    def _step(self, loop: asyncio.AbstractEventLoop, step: Step, source: Source | None) -> LightBlock:
        providers = self._pool.providers(source)
        if len(providers) < 2:
            raise NotConfirmed("fewer than two validators can be asked, and one alone is not believed")

        def dropped(provider: Provider, why: LightClientError) -> None:
            loop.call_soon_threadsafe(self._pool.gave_up, provider.name, why)

        light = LightClient(
            providers[0], providers[1:], self._store, self._options, self._clock_ns, dropped=dropped
        )
        return step(light)

    def _examine(self, ours: LightBlock, source: Source) -> None:
        below = [block for block in self._store.blocks() if block.height < ours.height][-1:]
        examine((*below, ours), source.provider, self._options, self._clock_ns())
