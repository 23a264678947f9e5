"""Hashes: purpose-tagged hashes (docs/formats.md section 1) and the Merkle root of RFC 6962 section 2.1."""

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32


def lp(part: bytes) -> bytes:
    """`part` after its length as 4 bytes, big endian."""
    return len(part).to_bytes(4, "big") + part


def tagged_hash(tag: str, *parts: bytes) -> bytes:
    """H(tag, parts): SHA-256 over the length-prefixed tag and parts."""
    return sha256(lp(tag.encode()) + b"".join(map(lp, parts))).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 tree head of `leaves`; an empty list gives SHA-256 of nothing.

    Works level by level: RFC 6962 splits at the largest power of two, so that an odd node at the right edge
    rises unchanged.
    """
    if not leaves:
        return sha256(b"").digest()
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        paired = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
    return level[0]
