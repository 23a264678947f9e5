"""Reed-Solomon coding with ISA-L's Cauchy matrix, on raw shards.

Rules
- k data shards of equal size give n - k parity shards of that size; any k of the n give back the rest.
- Parity shard i (k <= i < n) = sum over j < k of shard_j / (i xor j) in GF(2^8) with polynomial 0x11d.
- What is stored is raw: pyeclib puts an 80-byte header before each fragment; it holds only the index and
  sizes, so we strip it on the way out and put a recreated one before decoding. A test holds both claims.
"""

from collections.abc import Mapping
from functools import lru_cache

from pyeclib.ec_iface import ECDriver

from .cipher import Buffer
from .errors import CallerError

ERASURE_NAME = "isa_l_rs_cauchy"
HEADER_BYTES = 80


@lru_cache(maxsize=16)
def _driver(k: int, n: int) -> ECDriver:
    return ECDriver(k=k, m=n - k, ec_type=ERASURE_NAME)


@lru_cache(maxsize=512)
def _headers(k: int, n: int, shard_size: int) -> tuple[bytes, ...]:
    """The library's headers for shards of this size, learnt from coding zeros."""
    return tuple(f[:HEADER_BYTES] for f in _driver(k, n).encode(bytes(k * shard_size)))


def parity_shards(k: int, n: int, stripe: bytes) -> list[memoryview]:
    """The n - k parity shards of a padded stripe (its length a multiple of k, at least k bytes)."""
    if not stripe or len(stripe) % k:
        raise CallerError(f"a stripe of {len(stripe)} bytes does not cut into {k} equal shards")
    return [memoryview(fragment)[HEADER_BYTES:] for fragment in _driver(k, n).encode(stripe)[k:]]


def rebuild_stripe(k: int, n: int, shards: Mapping[int, Buffer]) -> bytes:
    """The padded stripe (k data shards joined) from any k shards by slot, all of one size."""
    sizes = {len(shard) for shard in shards.values()}
    if len(shards) < k or len(sizes) != 1 or not set(shards) <= set(range(n)):
        raise CallerError(
            f"rebuilding needs {k} shards of one size with slots below {n}, got slots {sorted(shards)}"
        )
    headers = _headers(k, n, sizes.pop())
    chosen = sorted(shards)[:k]
    decoded: bytes = _driver(k, n).decode([b"".join((headers[slot], shards[slot])) for slot in chosen])
    return decoded
