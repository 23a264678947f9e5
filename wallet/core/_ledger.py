"""What wallet's rules take from the ledger, in one place: canonical bytes, hashes, handles, signatures."""

from ledger.api import (
    MAX_SAFE_INTEGER,
    CanonicalError,
    b64u_decode,
    b64u_encode,
    dumps,
    handle,
    handles_root,
    is_acceptable_public_key,
    loads_canonical,
    tagged_hash,
    verify_ed25519,
    wrap_hash,
    wraps_hash,
)

__all__ = [
    "MAX_SAFE_INTEGER",
    "CanonicalError",
    "b64u_decode",
    "b64u_encode",
    "dumps",
    "handle",
    "handles_root",
    "is_acceptable_public_key",
    "loads_canonical",
    "tagged_hash",
    "verify_ed25519",
    "wrap_hash",
    "wraps_hash",
]
