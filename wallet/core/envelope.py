"""Suite-tagged HPKE envelopes (RFC 9180 base mode; docs/formats.md section 5).

Rules
- Every envelope is sealed for one purpose: `info` names the use, what is inside and for whom, so that an
  envelope moved to another record, epoch, consent or recipient does not open.
- AAD is empty; wraps carry theirs (wallet.core.grant).
- The ephemeral key is drawn inside the HPKE library: sealing twice never gives the same bytes.
- A private key never appears in a repr, a message or an error.
"""

from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidTag

from wallet.core import suites
from wallet.core._ledger import b64u_encode, dumps
from wallet.core.documents import decode, key_bytes, require
from wallet.core.errors import CannotOpen

MAX_SEALED = 4096


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`{"suite","key","enc","ct"}`: bytes sealed to the sealing key with id `key`; `enc`, `ct` in b64u."""

    suite: str
    key: str
    enc: str
    ct: str


@dataclass(frozen=True)
class SealingPublic:
    """The public half of a sealing key: its id in the key set, suite and raw public key."""

    id: str
    suite: str
    public: bytes


@dataclass(frozen=True)
class SealingKey:
    """A sealing key with its 32-byte seed. Keep it in memory only while it is used."""

    id: str
    suite: str
    seed: bytes = field(repr=False)

    def public(self) -> SealingPublic:
        return SealingPublic(self.id, self.suite, suites.public_from_seed(self.suite, self.seed))


def record_key_info(*, record: str, epoch: int, recipient: str) -> bytes:
    """HPKE `info` for a record's data key sealed to the patient's DID `recipient`."""
    return dumps({"v": 1, "use": "record-key", "record": record, "epoch": epoch, "recipient": recipient})


def grant_key_info(*, consent: str, recipient: str, purpose: str, expiry: int) -> bytes:
    """HPKE `info` for a grant key sealed to the requester's DID; `expiry` is its valid_until (ms)."""
    fields = {"consent": consent, "recipient": recipient, "purpose": purpose, "expiry": expiry}
    return dumps({"v": 1, "use": "grant-key", **fields})


def seal(recipient: SealingPublic, plaintext: bytes, info: bytes) -> Envelope:
    """`plaintext` sealed to `recipient` in the context `info`. Raises UnknownSuite, Malformed (bad key)."""
    chosen = suites.suite(recipient.suite)
    sealed = chosen.hpke.encrypt(plaintext, suites.public_key(recipient.suite, recipient.public), info)
    enc, ct = sealed[: chosen.enc_size], sealed[chosen.enc_size :]
    return Envelope(suite=recipient.suite, key=recipient.id, enc=b64u_encode(enc), ct=b64u_encode(ct))


def open_envelope(key: SealingKey, envelope: Envelope, info: bytes) -> bytes:
    """What the envelope holds. Raises CannotOpen when key, context or bytes are others."""
    if (envelope.suite, envelope.key) != (key.suite, key.id):
        raise CannotOpen("the envelope is sealed to another key: use the key that its suite and id name")
    chosen = suites.suite(key.suite)
    sealed = _sealed_bytes(envelope, chosen)
    try:
        return chosen.hpke.decrypt(sealed, suites.private_key(key.suite, key.seed), info)
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("the envelope does not open: wrong key, wrong context or changed bytes") from error


def parse_envelope(document: object) -> Envelope:
    """The envelope in a JSON value. Raises Malformed (place, expected, actual) or UnknownSuite."""
    envelope = decode("envelope", document, Envelope)
    chosen = suites.suite(envelope.suite)
    require("envelope", "$.key", 0 < len(envelope.key) <= 128, "a key id", f"{len(envelope.key)} characters")
    key_bytes("envelope", "$.enc", envelope.enc, chosen.enc_size)
    _sealed_bytes(envelope, chosen)
    return envelope


def _sealed_bytes(envelope: Envelope, chosen: suites.Suite) -> bytes:
    ct = key_bytes("envelope", "$.ct", envelope.ct)
    require("envelope", "$.ct", 16 <= len(ct) <= MAX_SEALED, f"16 to {MAX_SEALED} bytes", f"{len(ct)} bytes")
    return key_bytes("envelope", "$.enc", envelope.enc, chosen.enc_size) + ct
