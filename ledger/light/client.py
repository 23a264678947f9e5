"""The light client: from a trusted block to any other, over nodes that are believed in nothing.

Rules (CometBFT light client specification)
- A header is kept only when verification from a kept one succeeds, and some witness confirms it.
- What is verified is never fetched again. Heights below the lowest kept block, and those whose kept
  block below has outlived the trusting period, are verified backwards from the next block above.
- A primary that lies or fails is dropped and the first witness takes its place; a faulty witness is dropped.
  Witnesses that are merely silent or behind stay.
- Without any witness configured there is no attack detection: say so by passing none on purpose.
- The clock is read once per request.
"""

from collections.abc import Callable, Sequence
from enum import Enum

from ledger.light import predicates
from ledger.light.detector import Testimony, examine
from ledger.light.errors import (
    HeaderRefused,
    LightClientError,
    NotConfirmed,
    NothingTrusted,
    ProviderError,
    ProviderLied,
)
from ledger.light.path import Way, accepted, backwards, sequential, skipping
from ledger.light.provider import Provider, fetch, walk
from ledger.light.store import TrustedStore, above, at_or_below
from ledger.light.verdict import LightBlock, Options, TrustedState, invalid
from ledger.light.verifier import verify, verify_block


class Mode(Enum):
    """How a client goes up: skipping what it can, or visiting every height."""

    SKIPPING = "skipping"
    SEQUENTIAL = "sequential"


class LightClient:
    """Verified blocks of one chain. Not thread-safe.

    `clock` answers nanoseconds since 1970. `store` holds what is trusted; an empty one is filled by `start`.
    `dropped` hears of each provider that is given up, and why.
    """

    def __init__(
        self,
        primary: Provider,
        witnesses: Sequence[Provider],
        store: TrustedStore,
        options: Options,
        clock: Callable[[], int],
        mode: Mode = Mode.SKIPPING,
        dropped: Callable[[Provider, LightClientError], None] = lambda provider, why: None,
    ) -> None:
        self.primary = primary
        self.witnesses = list(witnesses)
        self._alone = not witnesses
        self._store = store
        self._options = options
        self._clock = clock
        self._mode = mode
        self._dropped = dropped

    def start(self, root: TrustedState) -> LightBlock:
        """Trust the primary's first block above `root`, which is trusted by other means (the genesis, say).

        Raises HeaderRefused when that block does not follow, NotConfirmed, AttackDetected, ProviderError.
        """
        now_ns = self._clock()
        block = fetch(self.primary, root.header.height + 1)
        accepted(block, verify(root, block, self._options, now_ns))
        return self._keep((block,), now_ns)

    def trust(self, height: int, header_hash: bytes) -> LightBlock:
        """Trust the primary's block of `height`, a person vouching for its header's hash.

        Raises HeaderRefused when it has another or is not whole, NotConfirmed, ProviderError.
        """
        now_ns = self._clock()
        block = fetch(self.primary, height)
        if block.header.hash != header_hash:
            raise HeaderRefused(height, invalid("hash", "the header's hash is not the one vouched for"))
        accepted(block, predicates.not_from_future(block.header, self._options, now_ns))
        accepted(block, verify_block(block))
        return self._keep((block,), now_ns)

    def verify_to(self, height: int | None = None) -> LightBlock:
        """The verified block of `height`; None: of the primary's latest, or ours if it has nothing newer.

        Raises AttackDetected, NotConfirmed, NothingTrusted; HeaderRefused or ProviderError when no provider
        is left that does better.
        """
        now_ns = self._clock()
        while True:
            try:
                return self._verify_to(height, now_ns)
            except (HeaderRefused, ProviderError) as error:
                self._dropped(self.primary, error)
                if not self.witnesses:
                    raise
                self.primary = self.witnesses.pop(0)

    def _verify_to(self, height: int | None, now_ns: int) -> LightBlock:
        kept = self._store.blocks()
        if not kept:
            raise NothingTrusted("the trusted store is empty: start from a genesis or a vouched-for header")
        known = next((block for block in kept if block.height == height), None)
        if known is not None:
            return known
        target = self.primary.light_block(None) if height is None else fetch(self.primary, height)
        if height is None and target.height <= kept[-1].height:
            return kept[-1]
        root, way = self._way(target, now_ns)
        verified = walk(way, self.primary)
        return self._keep((root, *verified) if root.height < target.height else verified, now_ns)

    def _way(self, target: LightBlock, now_ns: int) -> tuple[LightBlock, Way]:
        """From which kept block, and how, to reach `target`."""
        below, higher = at_or_below(self._store, target.height), above(self._store, target.height)
        if higher is not None and (below is None or not self._is_fresh(below, now_ns)):
            return higher, backwards(higher.header, target, self._options, now_ns)
        if below is None:
            raise NothingTrusted(f"nothing is kept from which height {target.height} can be reached")
        up = skipping if self._mode is Mode.SKIPPING else sequential
        return below, up(TrustedState.of(below), target, self._options, now_ns)

    def _is_fresh(self, block: LightBlock, now_ns: int) -> bool:
        return predicates.within_trusting_period(block.header, self._options, now_ns).ok

    def _keep(self, trace: Sequence[LightBlock], now_ns: int) -> LightBlock:
        """Keep `trace` once a witness confirms its last block. Raises AttackDetected or NotConfirmed."""
        said = [(each, examine(trace, each, self._options, now_ns)) for each in self.witnesses]
        for each, testimony in said:
            if testimony is Testimony.FAULTY:
                self.witnesses.remove(each)
                self._dropped(each, ProviderLied(f"{each.name} {testimony.value}"))
        if not self._alone and Testimony.CONFIRMS not in [testimony for _each, testimony in said]:
            heard = ", ".join(f"{each.name} {testimony.value}" for each, testimony in said) or "none is left"
            raise NotConfirmed(f"no witness confirms block {trace[-1].height}: {heard}")
        self._store.save(trace)
        return trace[-1]
