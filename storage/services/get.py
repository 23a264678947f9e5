"""Reading records: any k right shards of a stripe give its bytes, each hashed before a byte leaves.

Rules
- Ask k slots first, the healthiest, data before parity. One that fails, or gives wrong bytes, is replaced by
  the next at once; one slower than `hedge` gets company now and is asked last for the rest of the record,
  and counts as failed after `read_timeout`.
- A rebuilt shard is hashed as well: n shards that do not form one code word are refused.
- A few stripes are fetched ahead; memory does not depend on the record's size.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from hashlib import sha256

from storage.core.cipher import Buffer, ChunkCipher
from storage.core.erasure import rebuild_stripe
from storage.core.errors import CallerError, InconsistentStripe, NotEnoughShards
from storage.core.layout import Stripe
from storage.core.manifest import Manifest
from storage.core.placement import read_order
from storage.providers.base import ProviderError

from .lanes import Lane
from .policy import Policy
from .rows import Extent

STRIPES_AHEAD = 2
NOT_CONFIGURED = "not among the configured providers"


class RecordReader:
    """Reads one record's ciphertext."""

    def __init__(
        self, manifest: Manifest, extents: Sequence[Extent], lanes: Mapping[str, Lane], policy: Policy
    ) -> None:
        self.manifest, self.lanes, self.policy = manifest, lanes, policy
        self._extents = extents
        self.distrusted: set[str] = set()  # providers that failed during this read: asked last

    def chunks(self, first: int = 0, count: int | None = None) -> Iterator[Buffer]:
        """Ciphertext chunks `first` .. `first + count - 1`, in order; all from `first` when count is None."""
        layout = self.manifest.layout
        end = layout.chunks if count is None else first + count
        if not 0 <= first < end <= layout.chunks:
            raise CallerError(f"chunks {first} to {end} are not within the record's {layout.chunks}")
        return self._stream(first, end)

    def _stream(self, first: int, end: int) -> Iterator[Buffer]:
        k, last_stripe = self.manifest.layout.k, (end - 1) // self.manifest.layout.k
        ahead: deque[StripeFetch] = deque()
        coming = first // k
        try:
            while coming <= last_stripe or ahead:
                while coming <= last_stripe and len(ahead) < STRIPES_AHEAD:
                    ahead.append(StripeFetch(self, self.manifest.layout.stripe(coming)))
                    coming += 1
                fetch = ahead.popleft()
                for index, chunk in fetch.chunks():
                    if first <= index < end:
                        yield chunk
        finally:
            for fetch in ahead:
                fetch.cancel()

    def where(self, stripe: int) -> dict[int, Extent]:
        """Each slot's extent that holds its shard of a stripe."""
        return {e.slot: e for e in self._extents if e.first_stripe <= stripe < e.first_stripe + e.stripes}


class StripeFetch:
    """One stripe being fetched; its first k requests start at once."""

    def __init__(self, reader: RecordReader, stripe: Stripe) -> None:
        self._reader, self._stripe = reader, stripe
        self._where = reader.where(stripe.index)
        self._good: dict[int, bytes] = {}
        self._wrong: dict[str, str] = {}
        self._running: dict[Future[bytes], tuple[int, float]] = {}
        self._joined: set[int] = set()
        self._order = self._plan()
        for _ in range(reader.manifest.layout.k):
            self._ask_next()

    def chunks(self) -> Iterator[tuple[int, Buffer]]:
        """The stripe's ciphertext chunks with their index; raises NotEnoughShards or InconsistentStripe."""
        layout, stripe = self._reader.manifest.layout, self._stripe
        shards = self._gather()
        if stripe.shard_size == layout.chunk + 16 and stripe.chunks == layout.k:
            aligned = [shards[slot] for slot in range(layout.k)]
            if len(aligned[-1]) * layout.k == stripe.length:
                yield from enumerate(aligned, stripe.first_chunk)
                return
        joined = memoryview(b"".join(shards[slot] for slot in range(layout.k)))
        at = 0
        for index in range(stripe.first_chunk, stripe.first_chunk + stripe.chunks):
            end = at + layout.chunk_length(index) + 16
            yield index, joined[at:end]
            at = end

    def cancel(self) -> None:
        """Nobody waits for this stripe any more."""
        for future in self._running:
            future.cancel()

    def _plan(self) -> deque[int]:
        views: list[tuple[int, bool, float]] = []
        for slot, extent in self._where.items():
            lane = self._reader.lanes.get(extent.provider)
            if lane is None:
                self._wrong[extent.provider] = NOT_CONFIGURED
                continue
            meter = lane.provider.meter
            views.append(
                (slot, meter.healthy and extent.provider not in self._reader.distrusted, meter.seconds)
            )
        return deque(read_order(views, k=self._reader.manifest.layout.k))

    def _ask_next(self) -> bool:
        if not self._order:
            return False
        slot = self._order.popleft()
        extent, layout = self._where[slot], self._reader.manifest.layout
        provider = self._reader.lanes[extent.provider].provider
        offset = extent.offset + layout.shard_offset(self._stripe.index, extent.first_stripe)
        size, expected = self._stripe.shard_size, self._reader.manifest.shard_hash(self._stripe.index, slot)

        def fetch() -> bytes:
            shard = provider.read(extent.name, offset, size)
            if len(shard) != size:
                raise _WrongBytes(f"gave {len(shard)} bytes instead of {size}")
            if sha256(shard).digest() != expected:
                raise _WrongBytes("gave wrong bytes (hash differs)")
            return shard

        self._running[self._reader.lanes[extent.provider].submit(fetch)] = slot, time.monotonic()
        return True

    def _gather(self) -> dict[int, Buffer]:
        k = self._reader.manifest.layout.k
        while len(self._good) < k:
            if not self._running and not self._ask_next():
                raise NotEnoughShards(k, len(self._good), self._wrong)
            self._join_the_slow()
            done, _ = wait(self._running, timeout=self._patience(), return_when=FIRST_COMPLETED)
            for future in done:
                self._take(future)
            self._judge_waiting()
        self.cancel()
        return self._with_rebuilt()

    def _patience(self) -> float:
        """Seconds until the next hedge or deadline is due."""
        policy, now = self._reader.policy, time.monotonic()
        ages = [now - started for _, started in self._running.values()]
        limits = [policy.hedge if age < policy.hedge and self._order else policy.read_timeout for age in ages]
        return max(0.0, min(limit - age for limit, age in zip(limits, ages, strict=True)))

    def _take(self, future: Future[bytes]) -> None:
        slot, _ = self._running.pop(future)
        try:
            self._good[slot] = future.result()
        except ProviderError as error:
            self._blame(slot, error.reason)
        except Exception as error:  # wrong bytes, or a provider that breaks its contract
            self._blame(slot, str(error) if isinstance(error, _WrongBytes) else type(error).__name__)

    def _join_the_slow(self) -> None:
        """Ask one more slot for each that is known to be slow, once."""
        for slot, _ in list(self._running.values()):
            if slot not in self._joined and self._where[slot].provider in self._reader.distrusted:
                self._joined.add(slot)
                self._ask_next()

    def _judge_waiting(self) -> None:
        """Distrust who has taken longer than `hedge`; give up on who has taken `read_timeout`."""
        policy, now = self._reader.policy, time.monotonic()
        for future, (slot, started) in list(self._running.items()):
            if now - started >= policy.hedge:
                self._reader.distrusted.add(self._where[slot].provider)
            if now - started >= policy.read_timeout:
                del self._running[future]
                future.cancel()
                self._blame(slot, f"did not answer in {policy.read_timeout:g} s")

    def _blame(self, slot: int, reason: str) -> None:
        provider = self._where[slot].provider
        self._wrong[provider] = reason
        self._reader.distrusted.add(provider)
        self._reader.lanes[provider].provider.meter.fault(reason)
        self._ask_next()

    def _with_rebuilt(self) -> dict[int, Buffer]:
        """The k data shards; missing ones rebuilt and hashed."""
        layout, size = self._reader.manifest.layout, self._stripe.shard_size
        shards: dict[int, Buffer] = dict(self._good)
        missing = [slot for slot in range(layout.k) if slot not in shards]
        if not missing:
            return shards
        stripe = memoryview(rebuild_stripe(layout.k, layout.n, shards))
        for slot in missing:
            shard = stripe[slot * size : (slot + 1) * size]
            if sha256(shard).digest() != self._reader.manifest.shard_hash(self._stripe.index, slot):
                raise InconsistentStripe(self._stripe.index, slot)
            shards[slot] = shard
        return shards


class _WrongBytes(Exception):
    """A provider answered, but not with the shard."""


def plaintext_chunks(
    reader: RecordReader, cipher: ChunkCipher, first: int = 0, count: int | None = None
) -> Iterator[bytes]:
    """The record's plaintext chunks; a chunk that does not authenticate raises ChunkInvalid and ends it."""
    layout = reader.manifest.layout
    ciphertext = reader.chunks(first, count)
    return (cipher.open(i, layout.is_last(i), chunk) for i, chunk in enumerate(ciphertext, first))
