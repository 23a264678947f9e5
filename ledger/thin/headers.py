"""Verified headers: upwards by the light client with witnesses, downwards by the hashes that headers name.

Rules
- The newest verified header only ever rises. Another validator must confirm each step up.
- Nothing is verified, up or down, once the newest header has outlived the trusting period.
- A header that contradicts a verified one is a lie, or, when it is signed well enough, an attack: then this
  node halts, the evidence on disk.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NoReturn

from ledger.client.errors import LedgerUnavailable, NotFound
from ledger.light.client import LightClient
from ledger.light.errors import AttackDetected, HeaderRefused, LightClientError, NoSuchBlock, NotConfirmed
from ledger.light.verdict import LightBlock, Options, TrustedState
from ledger.light.verifier import verify_block
from ledger.node.log import log
from ledger.thin.checks import lie
from ledger.thin.climber import Climber, Step
from ledger.thin.errors import Halted
from ledger.thin.history import History
from ledger.thin.pool import Pool, Source
from ledger.thin.trust import EvidenceFolder, PacedStore
from ledger.thin.upstream import KnownSets
from ledger.types.block import Commit, Header
from ledger.types.genesis import Genesis

CONFIRM_S = 2.0
"""How long to wait for a second validator to have a block that the first one has."""
PAUSE_S = 0.02
MAX_RECENT = 256


class Headers:
    """The verified light blocks of one chain. `clock_ns` answers nanoseconds since 1970."""

    def __init__(
        self,
        genesis: Genesis,
        pool: Pool,
        sets: KnownSets,
        store: PacedStore,
        evidence: EvidenceFolder,
        options: Options,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._genesis = genesis
        self._pool = pool
        self._sets = sets
        self._store = store
        self._evidence = evidence
        self._options = options
        self._clock_ns = clock_ns
        self._climber = Climber(pool, store, options, clock_ns)
        self._climbing = asyncio.Lock()
        self._came = asyncio.Event()
        self._recent: OrderedDict[int, LightBlock] = OrderedDict()
        self.history = History(pool)
        self.halted = evidence.found()
        self.trouble = "no validator has been asked yet"
        for block in store.blocks():
            self._remember(block)
        self.lowest: LightBlock | None = store.blocks()[0] if store.blocks() else None
        self.tip: LightBlock | None = store.blocks()[-1] if store.blocks() else None

    @property
    def height(self) -> int:
        """The height of the newest verified header; 0 when there is none."""
        return self.tip.height if self.tip else 0

    async def begin(self, vouched: tuple[int, bytes] | None = None) -> None:
        """Trust a first header: that of the height and hash that a person vouches for, or the genesis' first.

        Raises LedgerUnavailable, Halted.
        """
        root = TrustedState.of_genesis(self._genesis)
        if vouched is None:
            self._check_period(root.header)

        def first(light: LightClient) -> LightBlock:
            block = light.trust(*vouched) if vouched else light.start(root)
            self._store.flush()
            return block

        why: Exception | None = None
        for source in self._pool.in_turn():
            try:
                await self._climb(first, source)
                return
            except HeaderRefused as refused:
                why = LedgerUnavailable(_refusal_words(refused))
                if vouched is None:
                    self._pool.gave_up(source.url, refused)
            except (LightClientError, LedgerUnavailable) as error:
                why = error
        raise LedgerUnavailable(f"no first header can be verified: {why}")

    async def newest(self, source: Source | None = None) -> LightBlock:
        """The newest block of `source`, or of some validator, or ours if that is newer.

        Raises LedgerUnavailable, Halted.
        """
        return await self._verified(None, source)

    async def block(self, height: int, source: Source | None = None) -> LightBlock:
        """The verified block of `height`; `source` is known to have it. Raises NotFound, LedgerUnavailable,
        Halted."""
        self.check_usable()
        if (known := self._recent.get(height)) is not None:
            self._recent.move_to_end(height)
            return known
        if height > self.height:
            if source is None and height > (await self.newest()).height:
                raise NotFound(
                    f"height {height} must be less than or equal to the current blockchain height"
                    f" {self.height}"
                )
            block = await self._verified(height, source)
            if block.height == height:
                return block
        return await self._below(height)

    async def confirm(self, header: Header, commit: Commit, source: Source) -> LightBlock:
        """The verified block of `header`, which `source` served. Raises ProofInvalid when it is another."""
        self.check_usable()
        if header.height > self.height:
            await self._verified(header.height, source)
        if (block := self._recent.get(header.height)) is None:
            return await self._linked(header, commit)
        if block.header.hash != header.hash:
            await self._confront(block, source)
            raise lie(f"header {header.height}", "one that others do not have")
        return block

    async def hash_of(self, height: int) -> bytes:
        """The hash of the header at `height`, which is not above the newest one. Raises LedgerUnavailable."""
        known = self._recent.get(height)
        return known.header.hash if known else await self.history.hash_of(height)

    async def header(self, height: int, source: Source | None = None) -> Header:
        """The verified header of `height`, when who signed it does not matter; raises as `block` does."""
        self.check_usable()
        if (known := self._recent.get(height)) is not None:
            return known.header
        if height > self.height:
            return (await self.block(height, source)).header
        return await self.history.header_of(height)

    async def wait_above(self, height: int) -> None:
        """Return once a header above `height` is verified, or raise Halted."""
        while self.height <= height:
            self._check_halted()
            await self._came.wait()
        self._check_halted()

    def check_usable(self) -> LightBlock:
        """The newest verified block. Raises Halted or LedgerUnavailable when nothing may be answered."""
        self._check_halted()
        if self.tip is None:
            raise LedgerUnavailable(f"nothing is verified yet: {self.trouble}")
        self._check_period(self.tip.header)
        return self.tip

    def troubled(self, trouble: str) -> None:
        """Nothing new can be verified, and this is why."""
        if trouble != self.trouble:
            log("not_verifying", why=trouble)
        self.trouble = trouble

    async def flush(self, every_s: float) -> None:
        """Write down what is verified, if that was not done within `every_s` seconds."""
        await self._climber.flush(every_s)

    async def close(self) -> None:
        """Write down what is verified, and end the threads."""
        await self._climber.close()

    # --- inside -------------------------------------------------------------------------------

    async def _verified(self, height: int | None, source: Source | None) -> LightBlock:
        """Climb to `height`, or to the newest block there is; waits shortly for a witness to have it, too."""
        self.check_usable()
        deadline = time.monotonic() + CONFIRM_S
        async with self._climbing:
            while True:
                if height is not None and height <= self.height:
                    return self._recent.get(height) or self.check_usable()
                try:
                    if height is not None:
                        asked = self._pool.providers(source)
                        await asyncio.gather(*(provider.prefetch(height) for provider in asked))
                    return await self._climb(lambda light: light.verify_to(height), source)
                except (NotConfirmed, NoSuchBlock) as error:
                    if time.monotonic() > deadline:
                        raise LedgerUnavailable(f"no second validator confirms it: {error}") from error
                except HeaderRefused as refused:
                    raise LedgerUnavailable(_refusal_words(refused)) from refused
                except LightClientError as error:
                    raise LedgerUnavailable(f"no header can be verified: {error}") from error
                await asyncio.sleep(PAUSE_S)

    async def _climb(self, step: Step, source: Source | None = None) -> LightBlock:
        """Take one step of the light client. Raises its errors, and Halted when it finds an attack."""
        self._check_halted()
        try:
            block = await self._climber.climb(step, source)
        except AttackDetected as attack:
            self._halt(attack)
        self._rise(block)
        return block

    def _rise(self, block: LightBlock) -> None:
        self._remember(block)
        self.lowest = self.lowest or block
        if block.height > self.height:
            self.tip = block
            self.trouble = ""
            self._came.set()
            self._came = asyncio.Event()

    def _remember(self, block: LightBlock) -> None:
        self._recent[block.height] = block
        self._recent.move_to_end(block.height)
        for validators in filter(None, (block.validators, block.next_validators)):
            self._sets.know(validators)
        self.history.know(block.header)
        while len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)

    async def _linked(self, header: Header, commit: Commit) -> LightBlock:
        """A served block below the newest one, whose validators are known."""
        if header.hash != await self.history.hash_of(header.height):
            raise lie(f"header {header.height}", "another one")
        validators, after = map(self._sets.get, (header.validators_hash, header.next_validators_hash))
        if validators is None or after is None:
            return await self._below(header.height)
        block = LightBlock(header, commit, validators, after)
        if not verify_block(block).ok:
            raise lie(f"the commit of block {header.height}")
        self._remember(block)
        return block

    async def _below(self, height: int) -> LightBlock:
        """A block below the newest one: the hashes that later headers name lead to it."""
        digest = await self.history.hash_of(height)

        async def attempt(source: Source) -> LightBlock:
            block = await self._climber.fetch(height, source)
            if block.header.hash != digest or not verify_block(block).ok:
                raise lie(f"block {height}", "another block")
            return block

        block = await self._pool.first(attempt)
        self._remember(block)
        return block

    async def _confront(self, ours: LightBlock, source: Source) -> None:
        """`source` has another header than `ours`. Raises Halted when it can prove it."""
        try:
            await self._climber.examine(ours, source)
        except AttackDetected as attack:
            self._halt(attack)

    def _halt(self, attack: AttackDetected) -> NoReturn:
        self.halted = self._evidence.keep(attack)
        log("ATTACK", kind=attack.evidence[0].kind.value, next=self.halted)
        self._came.set()
        raise Halted(self.halted) from attack

    def _check_halted(self) -> None:
        if self.halted:
            raise Halted(self.halted)

    def _check_period(self, header: Header) -> None:
        age_ns, period_ns = self._clock_ns() - header.time_ns, self._options.trusting_period_ns
        if age_ns >= period_ns:
            day = 86_400 * 10**9
            raise LedgerUnavailable(
                f"the newest trusted header, of height {header.height}, is {age_ns / day:.1f} days old, and"
                f" headers are trusted for {period_ns / day:g} days. Check this machine's clock; if it is"
                " right, ask two people of the consortium for the height and hash of a recent block and start"
                " this node with --trust HEIGHT:HASH"
            )


def _refusal_words(refused: HeaderRefused) -> str:
    if refused.verdict.rule == "future":
        return (
            "the validators' newest header lies in this machine's future: its clock is behind. Set the clock"
            " (NTP), then it goes on by itself"
        )
    return f"no validator has headers that verify: {refused}"
