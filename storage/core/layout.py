"""Where each byte of a record lies.

Rules
- The plaintext is cut into chunks of `chunk` bytes; the last may be shorter; an empty record has one.
- A ciphertext chunk is its plaintext's length + 16 (the GCM tag).
- A stripe is the concatenation of up to k consecutive ciphertext chunks, zero-padded to k * shard_size with
  shard_size = ceil(length / k), cut into k data shards. So a full stripe's data shard IS one chunk, and a
  small record is one short stripe with shards of a quarter of its size.
- n - k parity shards of the same size follow; shard i of every stripe has slot i.
"""

from dataclasses import dataclass

from .errors import ConfigurationInvalid

CHUNK_BYTES = 1 << 20
TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class Stripe:
    """One stripe: its number, its chunks, its ciphertext length (bytes, before padding) and shard size."""

    index: int
    first_chunk: int
    chunks: int
    length: int
    shard_size: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The shape of a record of `size` plaintext bytes."""

    size: int
    chunk: int
    k: int
    n: int

    def __post_init__(self) -> None:
        if not (self.size >= 0 and self.chunk >= 1 and 1 <= self.k < self.n <= 32):
            raise ConfigurationInvalid(f"no such layout: {self}")

    @property
    def chunks(self) -> int:
        """How many chunks; at least one."""
        return max(1, -(-self.size // self.chunk))

    @property
    def stripes(self) -> int:
        """How many stripes; at least one."""
        return -(-self.chunks // self.k)

    @property
    def ciphertext_size(self) -> int:
        """Bytes of all ciphertext chunks together."""
        return self.size + self.chunks * TAG_BYTES

    @property
    def stored_size(self) -> int:
        """Bytes of all shards at all providers."""
        full = (self.stripes - 1) * (self.chunk + TAG_BYTES)
        return self.n * (full + self.stripe(self.stripes - 1).shard_size)

    def chunk_length(self, index: int) -> int:
        """Plaintext bytes of a chunk."""
        return min(self.chunk, self.size - index * self.chunk)

    def is_last(self, index: int) -> bool:
        """Whether this is the record's last chunk."""
        return index == self.chunks - 1

    def stripe(self, index: int) -> Stripe:
        """The stripe with this number."""
        first = index * self.k
        count = min(self.k, self.chunks - first)
        plain = min(count * self.chunk, self.size - first * self.chunk)
        length = plain + count * TAG_BYTES
        return Stripe(index, first, count, length, -(-length // self.k))

    def shard_offset(self, stripe: int, first_stripe: int) -> int:
        """Where a stripe's shard begins in a run of one slot's shards that starts at `first_stripe`.

        Only the record's last stripe can be short, so all before it are full.
        """
        return (stripe - first_stripe) * (self.chunk + TAG_BYTES)
