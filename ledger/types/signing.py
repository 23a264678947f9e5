"""Ed25519: one rule of verification everywhere, ZIP-215.

Rules
- ZIP-215 decides every signature, on every path: libraries that disagree on crafted ones would fork us.
- A public key is registered only when canonical and not of small order: with a small-order key one signature
  fits every message.
- Many signatures are verified together where `ledger.native` was built, and one by one where it was not: the
  verdicts are the same.
- We sign with PyNaCl (RFC 8032), whose signatures every verifier accepts.
"""

from collections.abc import Sequence
from functools import lru_cache

from ed25519_zebra import ed_verify
from nacl.signing import SigningKey

from ledger.native import COMPILED, Signed

KEY_SIZE = 32
SIGNATURE_SIZE = 64
_P = 2**255 - 19
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ORDER_8_Y = int.from_bytes(
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
)
_SMALL_ORDER_YS = frozenset({0, 1, _P - 1, _ORDER_8_Y, _P - _ORDER_8_Y})
"""The y coordinates of the eight points whose order divides 8; each y's both signs are among them."""
_ZERO_X_YS = frozenset({1, _P - 1})


class BadPublicKey(ValueError):
    """These bytes may not be registered as an Ed25519 public key."""


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is `public_key`'s (32 bytes) on `message`, by ZIP-215. Never raises."""
    if len(public_key) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    try:
        return bool(ed_verify(signature, message, public_key))
    except ValueError:
        return False


def verify_all(signed: Sequence[Signed]) -> bool:
    """Whether all of these signatures hold, by ZIP-215. Never raises; does not say which one fails."""
    if COMPILED is None or len(signed) < 2:
        return all(verify_ed25519(*one) for one in signed)
    return COMPILED.verify_batch(list(signed))


def sign(seed: bytes, message: bytes) -> bytes:
    """The 64-byte signature of `message` under the private key with this 32-byte seed (RFC 8032)."""
    return bytes(SigningKey(seed).sign(message).signature)


def public_key_of(seed: bytes) -> bytes:
    """The 32-byte public key of the private key with this seed."""
    return bytes(SigningKey(seed).verify_key)


@lru_cache(maxsize=4096)
def is_acceptable_public_key(public_key: bytes) -> bool:
    """Whether `public_key` may be registered: `check_public_key` as a yes or no, remembered."""
    try:
        check_public_key(public_key)
    except BadPublicKey:
        return False
    return True


def check_public_key(public_key: bytes) -> None:
    """Raises BadPublicKey unless this canonically encodes a curve point that is not of small order."""
    if len(public_key) != KEY_SIZE:
        raise BadPublicKey(f"an Ed25519 public key has {KEY_SIZE} bytes, got {len(public_key)}")
    y = int.from_bytes(public_key, "little") & (1 << 255) - 1
    if y >= _P:
        raise BadPublicKey("the public key's y coordinate is not reduced: not canonical")
    if y in _ZERO_X_YS and public_key[31] & 0x80:
        raise BadPublicKey("the public key says that zero is negative: not canonical")
    if y in _SMALL_ORDER_YS:
        raise BadPublicKey("the public key is of small order: anyone can sign for it")
    if not _on_curve(y):
        raise BadPublicKey("the public key is not a point of the curve")


def _on_curve(y: int) -> bool:
    """Whether -x² + y² = 1 + d·x²·y² has a root x: u / v, and so u · v, is a square (Euler's criterion)."""
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    return pow(u * v, (_P - 1) // 2, _P) in (0, 1)
