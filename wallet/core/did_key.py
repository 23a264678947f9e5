"""did:key identifiers: a public key written as a name (W3C CCG did:key; multicodec, base58btc).

Rules
- `did:key:z` + base58btc(varint multicodec ‖ public key). Known codecs: Ed25519, X25519, P-256.
- One spelling per key: a name that does not encode back to itself is refused.
- Ed25519 keys are canonical and not of small order (else anyone signs); P-256 keys are compressed points.
"""

from dataclasses import dataclass
from enum import Enum

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from wallet.core._ledger import is_acceptable_public_key
from wallet.core.errors import Malformed

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX = "did:key:z"
_LONGEST = 64


class KeyType(Enum):
    """Key types with their multicodec prefix (unsigned varint) and key size in bytes."""

    ED25519 = (b"\xed\x01", 32)
    X25519 = (b"\xec\x01", 32)
    P256 = (b"\x80\x24", 33)


@dataclass(frozen=True)
class PublicKey:
    """A raw public key and what kind it is."""

    type: KeyType
    public: bytes


def did_key(key: PublicKey) -> str:
    """The did:key that names `key`. Raises Malformed for a wrong size or a point off the curve."""
    _check(key)
    return _PREFIX + _encode(key.type.value[0] + key.public)


def parse_did_key(did: str) -> PublicKey:
    """The key that `did` names. Raises Malformed for another method, codec, size or spelling."""
    if not did.startswith(_PREFIX) or len(did) > _LONGEST + len(_PREFIX):
        raise Malformed("did:key", "$", "did:key:z…", "another form")
    data = _decode(did[len(_PREFIX) :])
    for kind in KeyType:
        if data.startswith(kind.value[0]):
            key = PublicKey(kind, data[2:])
            _check(key)
            return key
    raise Malformed("did:key", "$", "an Ed25519, X25519 or P-256 key", "another codec")


def ed25519_of(did: str) -> bytes:
    """The 32-byte Ed25519 key that `did` names. Raises Malformed for any other kind of key."""
    key = parse_did_key(did)
    if key.type is not KeyType.ED25519:
        raise Malformed("did:key", "$", "an Ed25519 key", key.type.name)
    return key.public


def key_id(did: str) -> str:
    """The id of the did:key's one verification method: the DID, `#` and its own last part."""
    return f"{did}#{did.removeprefix('did:key:')}"


def _check(key: PublicKey) -> None:
    size = key.type.value[1]
    if len(key.public) != size:
        raise Malformed("did:key", "$", f"{size} bytes of {key.type.name}", f"{len(key.public)} bytes")
    if key.type is KeyType.ED25519 and not is_acceptable_public_key(key.public):
        raise Malformed("did:key", "$", "an Ed25519 point of large order", "bytes that are none")
    if key.type is KeyType.P256:
        try:
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key.public)
        except ValueError as error:
            raise Malformed("did:key", "$", "a compressed point of P-256", "bytes that are none") from error


def _encode(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _decode(text: str) -> bytes:
    number = 0
    for character in text:
        digit = _ALPHABET.find(character)
        if digit < 0:
            raise Malformed("did:key", "$", "base58btc", "another character")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
