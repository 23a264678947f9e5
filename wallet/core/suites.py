"""The sealing suites (docs/formats.md section 5): names, sizes and key pairs from a 32-byte seed.

Rules
- A record must stay secret for a lifetime, so HYBRID is the default; CLASSIC serves devices that cannot.
- A private sealing key is always its 32-byte seed: for HYBRID the X-Wing seed (SHAKE256 expands it to the
  ML-KEM-768 seed and the X25519 scalar), for CLASSIC the X25519 scalar itself.
- Suites are named on every envelope; an unknown name is refused, never guessed.
"""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import Suite as Hpke

from wallet.core.errors import Malformed, UnknownSuite

HYBRID = "MLKEM768-X25519/HKDF-SHA256/AES-256-GCM"
CLASSIC = "X25519/HKDF-SHA256/AES-256-GCM"
SEED_SIZE = 32
_MLKEM_PUBLIC_SIZE = 1184

PrivateKey = MLKEM768X25519PrivateKey | X25519PrivateKey
PublicKey = MLKEM768X25519PublicKey | X25519PublicKey


@dataclass(frozen=True)
class Suite:
    """One HPKE suite; sizes in bytes."""

    name: str
    kem: KEM
    public_size: int
    enc_size: int

    @property
    def hpke(self) -> Hpke:
        return Hpke(self.kem, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


_SUITES = {
    HYBRID: Suite(HYBRID, KEM.MLKEM768_X25519, public_size=1216, enc_size=1120),
    CLASSIC: Suite(CLASSIC, KEM.X25519, public_size=32, enc_size=32),
}


def suite(name: str) -> Suite:
    """The suite of that name. Raises UnknownSuite."""
    found = _SUITES.get(name)
    if found is None:
        raise UnknownSuite(f"unknown sealing suite; expected one of {', '.join(_SUITES)}")
    return found


def private_key(name: str, seed: bytes) -> PrivateKey:
    """The private key that `seed` (32 bytes) stands for in that suite."""
    mlkem, x25519 = _halves(name, seed)
    return x25519 if mlkem is None else MLKEM768X25519PrivateKey(mlkem, x25519)


def public_from_seed(name: str, seed: bytes) -> bytes:
    """The public key bytes for that seed: X25519's 32, or ML-KEM-768's 1184 followed by X25519's 32."""
    mlkem, x25519 = _halves(name, seed)
    first = mlkem.public_key().public_bytes_raw() if mlkem else b""
    return first + x25519.public_key().public_bytes_raw()


def public_key(name: str, public: bytes) -> PublicKey:
    """The public key in those bytes. Raises Malformed for a wrong size or a key that is not one."""
    chosen = suite(name)
    if len(public) != chosen.public_size:
        raise Malformed("sealing key", "$.public", f"{chosen.public_size} bytes", f"{len(public)} bytes")
    try:
        x25519 = X25519PublicKey.from_public_bytes(public[-32:])
        if chosen.kem is KEM.X25519:
            return x25519
        mlkem = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_SIZE])
        return MLKEM768X25519PublicKey(mlkem, x25519)
    except ValueError as error:
        raise Malformed("sealing key", "$.public", "a valid public key", "bytes that are none") from error


def _halves(name: str, seed: bytes) -> tuple[MLKEM768PrivateKey | None, X25519PrivateKey]:
    if len(seed) != SEED_SIZE:
        raise Malformed("sealing key", "$.seed", "32 bytes", f"{len(seed)} bytes")
    if suite(name).kem is KEM.X25519:
        return None, X25519PrivateKey.from_private_bytes(seed)
    expanded = hashlib.shake_256(seed).digest(96)  # X-Wing, draft-connolly-cfrg-xwing-kem section 5.2
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        X25519PrivateKey.from_private_bytes(expanded[64:]),
    )
