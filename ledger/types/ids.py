"""Identities of the chain's things: hashes of blocks and parts, addresses of validators, time.

Rules (CometBFT v0.38)
- A block is named by its header's hash together with the root of its parts (BlockID).
- A validator is named by the first 20 bytes of SHA-256 of its Ed25519 public key.
- Time is nanoseconds since 1970 UTC. "No time" is Go's zero time, the first of January of the year 1.
"""

import hashlib
from dataclasses import dataclass

from ledger.types import proto
from ledger.types.proto import BYTES, VARINT, Fields

HASH_SIZE = 32
ADDRESS_SIZE = 20
NO_TIME_NS = -62_135_596_800 * 1_000_000_000


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def address_of(public_key: bytes) -> bytes:
    """The 20-byte address of a validator with this Ed25519 public key."""
    return sha256(public_key)[:ADDRESS_SIZE]


@dataclass(frozen=True, slots=True)
class PartSetHeader:
    """How many parts a block was cut into, and the RFC 6962 root over them (32 bytes, or empty)."""

    total: int = 0
    hash: bytes = b""

    def encode(self) -> bytes:
        """tendermint.types.PartSetHeader (and CanonicalPartSetHeader: the same bytes)."""
        return proto.integer(1, self.total) + proto.data(2, self.hash)

    @classmethod
    def decode(cls, encoded: bytes) -> "PartSetHeader":
        """The header that `encoded` spells; raises ProtoError."""
        fields = Fields(encoded, {1: VARINT, 2: BYTES})
        return cls(fields.unsigned(1), checked_hash(fields.blob(2)))


@dataclass(frozen=True, slots=True)
class BlockID:
    """The name of a block. The empty BlockID stands for nil: "no block" in a vote."""

    hash: bytes = b""
    parts: PartSetHeader = PartSetHeader()

    @property
    def is_nil(self) -> bool:
        """Whether this names no block."""
        return not self.hash and self.parts == PartSetHeader()

    @property
    def is_complete(self) -> bool:
        """Whether hash and parts are both there, as a vote for a block must have them."""
        return len(self.hash) == HASH_SIZE and self.parts.total > 0 and len(self.parts.hash) == HASH_SIZE

    def encode(self) -> bytes:
        """tendermint.types.BlockID (and CanonicalBlockID: the same bytes)."""
        return proto.data(1, self.hash) + proto.message(2, self.parts.encode())

    @classmethod
    def decode(cls, encoded: bytes) -> "BlockID":
        """The block id that `encoded` spells; raises ProtoError."""
        fields = Fields(encoded, {1: BYTES, 2: BYTES})
        return cls(checked_hash(fields.blob(1)), PartSetHeader.decode(fields.blob(2)))


NIL = BlockID()


def checked_hash(value: bytes) -> bytes:
    """`value` when it is a hash or empty; raises ProtoError otherwise."""
    if len(value) not in (0, HASH_SIZE):
        raise proto.ProtoError(f"a hash has {HASH_SIZE} bytes, got {len(value)}")
    return value
