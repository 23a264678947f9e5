"""From a stream of plaintext to hashed shards, one stripe at a time.

Memory holds one chunk read ahead, one stripe, and its shards until they are written and hashed.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import BinaryIO

from storage.core.cipher import Buffer, ChunkCipher
from storage.core.erasure import parity_shards
from storage.core.layout import TAG_BYTES

INLINE_HASH_BYTES = 64 << 10
HASHED_AHEAD = 2


@dataclass(frozen=True, slots=True)
class CodedStripe:
    """n shards of one size, data first, and how much plaintext they hold (bytes)."""

    index: int
    plain_bytes: int
    shards: list[Buffer]


def plain_chunks(source: BinaryIO, chunk: int) -> Iterator[tuple[bytes, bool]]:
    """The source's chunks, each with whether it is the last; an empty source gives one empty chunk."""
    current = _read_full(source, chunk)
    while True:
        following = _read_full(source, chunk) if len(current) == chunk else b""
        yield current, not following
        if not following:
            return
        current = following


def _read_full(source: BinaryIO, size: int) -> bytes:
    """`size` bytes, or what is left; a source may return less than asked without being at its end."""
    first = source.read(size)
    if not first or len(first) == size:
        return first or b""
    parts, got = [first], len(first)
    while got < size and (more := source.read(size - got)):
        parts.append(more)
        got += len(more)
    return b"".join(parts)


def coded_stripes(
    source: BinaryIO, cipher: ChunkCipher, *, k: int, n: int, chunk: int
) -> Iterator[CodedStripe]:
    """Encrypt and code the source."""
    buffer = memoryview(bytearray(k * (chunk + TAG_BYTES)))
    at = plain = held = stripe = 0
    for index, (piece, last) in enumerate(plain_chunks(source, chunk)):
        end = at + len(piece) + TAG_BYTES
        cipher.seal_into(index, last, piece, buffer[at:end])
        at, plain, held = end, plain + len(piece), held + 1
        if held == k or last:
            yield CodedStripe(stripe, plain, _shards(buffer, at, k, n))
            at, plain, held, stripe = 0, 0, 0, stripe + 1


def _shards(buffer: memoryview, length: int, k: int, n: int) -> list[Buffer]:
    size = -(-length // k)
    buffer[length : k * size] = bytes(k * size - length)
    stripe = bytes(buffer[: k * size])
    view = memoryview(stripe)
    return [*(view[i * size : (i + 1) * size] for i in range(k)), *parity_shards(k, n, stripe)]


class ShardHasher:
    """SHA-256 of shards in order: small ones at once, large ones on two threads, a few stripes ahead."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._waiting: deque[list[Future[bytes]]] = deque()

    def add(self, shards: list[Buffer]) -> None:
        """Hash a stripe's shards."""
        if len(shards[0]) <= INLINE_HASH_BYTES:
            self._settle(0)
            self._done += b"".join(_digest(shard) for shard in shards)
            return
        self._waiting.append([_hash_threads().submit(_digest, shard) for shard in shards])
        self._settle(HASHED_AHEAD)

    def finish(self) -> bytes:
        """All hashes, joined."""
        self._settle(0)
        return bytes(self._done)

    def _settle(self, leave: int) -> None:
        while len(self._waiting) > leave:
            self._done += b"".join(future.result() for future in self._waiting.popleft())


def _digest(shard: Buffer) -> bytes:
    return sha256(shard).digest()


@lru_cache(maxsize=1)
def _hash_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="storage hash")
