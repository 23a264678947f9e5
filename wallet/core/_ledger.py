"""What wallet's rules take from the ledger, in one place: canonical bytes, hashes, trees, signatures."""

from ledger.types.canonical import (
    MAX_SAFE_INTEGER,
    CanonicalError,
    b64u_decode,
    b64u_encode,
    dumps,
    loads_canonical,
    tagged_hash,
)

__all__ = [
    "MAX_SAFE_INTEGER",
    "CanonicalError",
    "b64u_decode",
    "b64u_encode",
    "dumps",
    "loads_canonical",
    "tagged_hash",
]
