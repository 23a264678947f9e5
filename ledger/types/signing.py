"""Ed25519: one rule of verification everywhere, ZIP-215.

Rules
- ZIP-215 decides every signature, on every path: libraries that disagree on crafted ones would fork us.
- A public key is registered only when canonical and not of small order: with a small-order key one signature
  fits every message.
- We sign with PyNaCl (RFC 8032), whose signatures every verifier accepts.
"""

from ed25519_zebra import ed_verify
from nacl.signing import SigningKey

KEY_SIZE = 32
SIGNATURE_SIZE = 64
_P = 2**255 - 19
_D = -121665 * pow(121666, _P - 2, _P) % _P
_SQRT_M1 = pow(2, (_P - 1) // 4, _P)


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


def sign(seed: bytes, message: bytes) -> bytes:
    """The 64-byte signature of `message` under the private key with this 32-byte seed (RFC 8032)."""
    return bytes(SigningKey(seed).sign(message).signature)


def public_key_of(seed: bytes) -> bytes:
    """The 32-byte public key of the private key with this seed."""
    return bytes(SigningKey(seed).verify_key)


def is_acceptable_public_key(public_key: bytes) -> bool:
    """Whether `public_key` may be registered: `check_public_key` as a yes or no."""
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
    x = _recover_x(y)
    if x is None:
        raise BadPublicKey("the public key is not a point of the curve")
    if x == 0 and public_key[31] & 0x80:
        raise BadPublicKey("the public key says that zero is negative: not canonical")
    if _times_eight(x, y) == (0, 1):
        raise BadPublicKey("the public key is of small order: anyone can sign for it")


def _recover_x(y: int) -> int | None:
    """A root x of -x² + y² = 1 + d·x²·y² (RFC 8032 section 5.1.3), either sign; None when there is none."""
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if v * x * x % _P == u:
        return x
    return x * _SQRT_M1 % _P if v * x * x % _P == -u % _P else None


def _times_eight(x: int, y: int) -> tuple[int, int]:
    """8·(x, y) in affine coordinates, by three doublings with the complete addition law."""
    for _doubling in range(3):
        product = _D * x * x * y * y % _P
        x, y = (
            2 * x * y * pow(1 + product, _P - 2, _P) % _P,
            (y * y + x * x) * pow(1 - product, _P - 2, _P) % _P,
        )
    return x, y
