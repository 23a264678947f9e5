"""A thin node: its home, the validators it asks, the headers it verified, put together."""

import asyncio
import time
from collections.abc import Callable

import aiohttp

from ledger.light.verdict import Options
from ledger.node.energy import SAMPLE_S, EnergyMeter
from ledger.node.log import log
from ledger.thin.following import follow, probe
from ledger.thin.headers import Headers
from ledger.thin.home import Config, ThinHome
from ledger.thin.memory import Memory
from ledger.thin.pool import Pool, Source
from ledger.thin.trust import EvidenceFolder, PacedStore
from ledger.thin.upstream import KnownSets, Upstream, UpstreamProvider, open_session
from ledger.types.ids import address_of

_SECOND_NS = 10**9
NO_KEY = bytes(32)
"""A thin node signs nothing: it says so by the key and address of nobody, and a power of zero."""


class ThinNode:
    """A running thin node, on one event loop; `start` and `stop` bracket its life."""

    def __init__(
        self,
        home: ThinHome,
        config: Config,
        vouched: tuple[int, bytes] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open the home; `vouched` begins anew from that header. Raises HomeUnusable, StoreDamaged."""
        self.config = config
        self.genesis = home.genesis()
        self.address = address_of(NO_KEY)
        self.memory = Memory()
        self._lock = home.lock()
        self._vouched = vouched
        self._session: aiohttp.ClientSession = open_session()
        loop = asyncio.get_running_loop()
        upstreams = [Upstream(url, self._session, self.memory) for url in config.validators]
        sets = KnownSets()
        sources = [Source(one, UpstreamProvider(one, loop, sets)) for one in upstreams]
        self.pool = Pool(sources, self.faulty)
        self.headers = Headers(
            self.genesis,
            self.pool,
            sets,
            PacedStore(home.trusted, anew=vouched is not None),
            EvidenceFolder(home.evidence),
            Options(config.trusting_period_s * _SECOND_NS, clock_drift_ns=config.clock_drift_s * _SECOND_NS),
            clock_ns,
        )
        self.energy = EnergyMeter(config.watts_per_core)
        self.submitting: dict[object, bytes] = {}
        """What is being handed on to validators, oldest first."""
        self.failed = asyncio.Event()
        """Set when following the chain ended by a fault of ours: stop, rather than grow old unnoticed."""
        self._tasks: list[asyncio.Task[None]] = []

    def faulty(self) -> int:
        """How many validators may lie without harm: f of 3f + 1."""
        tip = self.headers.tip if hasattr(self, "headers") else None
        validators = tip.validators if tip else self.genesis.validator_set()
        return (len(validators) - 1) // 3

    async def start(self) -> None:
        """Follow the chain from now on."""
        self._tasks = [
            asyncio.ensure_future(follow(self.headers, self.pool, self._vouched)),
            asyncio.ensure_future(probe(self.pool)),
            asyncio.ensure_future(self._sample_energy()),
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def _sample_energy(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_S)
            self.energy.sample()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log("failed", error=type(error).__name__, why=str(error)[:200])
            self.failed.set()

    async def stop(self) -> None:
        """Stop following; what was verified is on disk."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.headers.close()
        await self._session.close()
