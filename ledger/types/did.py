"""A DID's key set, and the name that its first key set gives it (docs/formats.md section 2).

Rules
- A DID is the hash of its first key set: nobody can register a name for keys that are not theirs.
- Key ids match `#[a-z0-9-]{1,32}` and are unique in the whole set; there is at least one signing key.
- Signing keys are canonical Ed25519 points of large order; a sealing key has its suite's length.
- `next` commits to the public half of the recovery key: only that key may sign the next key set.
"""

from typing import Annotated, Literal

import msgspec

from ledger.types.canonical import b64u_decode, b64u_encode, public_bytes, tagged_hash
from ledger.types.signing import is_acceptable_public_key
from ledger.types.tx_errors import Code, Rejected, safe_reason
from ledger.types.tx_fields import B64u32, Did, KeyId

SUITE_HYBRID = "MLKEM768-X25519/HKDF-SHA256/AES-256-GCM"
SUITE_X25519 = "X25519/HKDF-SHA256/AES-256-GCM"
SEALING_KEY_BYTES = {SUITE_HYBRID: 1216, SUITE_X25519: 32}
MAX_KEYS = 32
MAX_SEALING_KEYS = 8

Suite = Literal[
    "MLKEM768-X25519/HKDF-SHA256/AES-256-GCM",
    "X25519/HKDF-SHA256/AES-256-GCM",
]


class SigningKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key that may sign for the DID. `public` is b64u of the 32-byte Ed25519 point."""

    id: KeyId
    type: Literal["Ed25519"]
    public: B64u32


class SealingKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public HPKE key that data keys are sealed to. `public` is b64u of the suite's length."""

    id: KeyId
    suite: Suite
    public: Annotated[str, msgspec.Meta(max_length=2048)]
    epoch: Annotated[int, msgspec.Meta(ge=1, le=2**31)]


class KeySet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a DID at one step of its log, and the commitment to the key that may sign the next step."""

    keys: Annotated[tuple[SigningKey, ...], msgspec.Meta(min_length=1, max_length=MAX_KEYS)]
    sealing: Annotated[tuple[SealingKey, ...], msgspec.Meta(max_length=MAX_SEALING_KEYS)]
    next: B64u32

    def public_key(self, key_id: str) -> bytes | None:
        """The 32-byte public key with this id, or None."""
        for key in self.keys:
            if key.id == key_id:
                return public_bytes(key.public)
        return None


def encode(document: msgspec.Struct) -> bytes:
    """JCS bytes of a key set, body or state entry: as `canonical.dumps`, since the field names are ASCII."""
    return msgspec.json.encode(document, order="sorted")


def keyset_from_json(document: object) -> KeySet:
    """The key set that a parsed JSON object spells. Raises Rejected(KEYSET_INVALID or KEY_WEAK)."""
    try:
        keyset = msgspec.convert(document, KeySet)
    except msgspec.ValidationError as error:
        raise Rejected(Code.KEYSET_INVALID, safe_reason(error)) from error
    check_keyset(keyset)
    return keyset


def did_of(keyset: KeySet) -> Did:
    """The DID that `keyset`, as the first of its log, gives itself."""
    return "did:salus:u" + b64u_encode(tagged_hash("salus/did/v1", encode(keyset)))


def next_commitment(recovery_public: bytes) -> str:
    """What a key set's `next` holds for this 32-byte Ed25519 public key (pre-rotation)."""
    return b64u_encode(tagged_hash("salus/next/v1", recovery_public))


def check_keyset(keyset: KeySet) -> None:
    """Raises Rejected: KEYSET_INVALID for repeated ids or wrong lengths, KEY_WEAK for a weak signing key."""
    ids = [key.id for key in keyset.keys] + [key.id for key in keyset.sealing]
    if len(set(ids)) != len(ids):
        raise Rejected(Code.KEYSET_INVALID, "key ids must be unique in the key set")
    for sealing in keyset.sealing:
        _check_sealing_key(sealing)
    for key in keyset.keys:
        check_public_key(key.public, f"key {key.id}")


def check_public_key(public: str, what: str) -> None:
    """Raises Rejected(KEY_WEAK) unless b64u `public` is a canonical Ed25519 point of large order."""
    if not is_acceptable_public_key(b64u_decode(public, 32)):
        raise Rejected(
            Code.KEY_WEAK, f"{what} is not a canonical Ed25519 point of large order; make a new key"
        )


def _check_sealing_key(key: SealingKey) -> None:
    expected = SEALING_KEY_BYTES[key.suite]
    try:
        b64u_decode(key.public, expected)
    except ValueError as error:
        raise Rejected(Code.KEYSET_INVALID, f"sealing key {key.id}: {error}") from error
