"""Transactions: one frozen struct per type, their wire form and their signature (docs/formats.md section 3).

Rules
- Wire bytes are JCS({"body", "signatures"}), at most MAX_TX_BYTES; any other spelling is refused, never
  repaired, so one signed content has one form.
- Unknown fields, wrong types and strings that do not match their pattern are refused while decoding.
- A signature covers "salus/tx/v1" ‖ 0x00 ‖ JCS(body). There is exactly one in version 1.
- The transaction's hash is SHA-256(wire), as in CometBFT. Replay protection keys on (author, nonce).
"""

import hashlib
from typing import Annotated, Literal, TypeAlias

import msgspec

from ledger.types.canonical import b64u_decode, b64u_encode
from ledger.types.did import KeySet, encode
from ledger.types.signing import sign
from ledger.types.tx_change import Change
from ledger.types.tx_errors import Code, Rejected, safe_reason
from ledger.types.tx_fields import (
    AuditOutcome,
    B64u32,
    B64u64,
    Cid,
    Codec,
    Count,
    Custody,
    Did,
    Id,
    KeyId,
    Label,
    LedgerId,
    OrganisationKind,
    TimeMs,
)

MAX_TX_BYTES = 65_536
MAX_HANDLES = 1_000
"""Handles that one AccessOpened may list; more records are opened in several acts."""
MAX_ACKNOWLEDGED = 500
"""Anchors that one RecordAcknowledged may list."""
VALIDATOR_KEY_ID = "#validator"
ACCESS_KEY_ID = "#access"
_SIGNING_DOMAIN = b"salus/tx/v1\x00"
_BEFORE_BODY = len('{"body":')
_AFTER_BODY = len(',"signatures":[{"key":"","signature":""}]}') + 86
"""What follows the body in the wire bytes, but for the key id; a signature is 86 characters of base64url."""


class BodyFields(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type", gc=False
):
    """What every body holds. `ledger` is the chain id, times are ms, `nonce` is unique per author."""

    ledger: LedgerId
    version: Literal[1] = 1
    author: Annotated[str, msgspec.Meta(max_length=128)]
    nonce: Id
    issued_at: TimeMs
    not_after: TimeMs


class DidRegistered(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """A DID's first key set. Author: the DID itself; signed by any key of `keyset`."""

    did: Did
    keyset: KeySet
    custody: Custody


class DidRotated(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """A DID's next key set. Signed by the key that the current `next` names, which must be in the new set.

    `custody` labels the DID from here on: a patient who takes their keys over becomes `self`.
    """

    did: Did
    seq: Count
    keyset: KeySet
    custody: Custody


class OrganisationRegistered(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """The consortium's authority admits an organisation with its DID and first key set."""

    did: Did
    keyset: KeySet
    kind: OrganisationKind
    name: Label
    region: Label


class ClinicianRegistered(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """An organisation vouches for a credential it issued; only the credential's hash is on the ledger."""

    credential: B64u32
    role: Label
    valid_until: TimeMs


class ClinicianRevoked(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """The organisation takes the credential back."""

    credential: B64u32


class RecordAnchored(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """A hospital or insurer commits to an encrypted record. `commitment` is salted, `root` the shards'."""

    anchor: Id
    subject: Did
    manifest: Cid
    root: B64u32
    codec: Codec
    commitment: B64u32


class RecordAcknowledged(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """The subject of these anchors says that the records are theirs. `anchors` ascending, each once."""

    subject: Did
    anchors: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MAX_ACKNOWLEDGED)]


class RecordAudited(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """The organisation that was drawn for it has examined a record. `evidence` is its report's hash."""

    anchor: Id
    outcome: AuditOutcome
    evidence: B64u32


class ConsentGranted(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """The subject lets the holder of `access_key` open records whose handles lie under `handles_root`."""

    consent: Id
    subject: Did
    artefact: B64u32
    handles_root: B64u32
    handles: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    requester: B64u32
    organisation: B64u32
    access_key: B64u32
    valid_from: TimeMs
    valid_until: TimeMs
    max_opens: Count
    erase_at: TimeMs
    custody: Custody


class ConsentRevoked(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """The subject ends a consent, at once and for good."""

    consent: Id
    subject: Did


class AccessOpened(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """One act of opening. Author `access:<consent>`; signed by the consent's access key as `#access`."""

    consent: Id
    handles: Annotated[tuple[B64u32, ...], msgspec.Meta(min_length=1, max_length=MAX_HANDLES)]
    indices: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1, max_length=MAX_HANDLES)]
    path: Annotated[tuple[B64u32, ...], msgspec.Meta(max_length=MAX_HANDLES)]
    wraps: B64u32


class GovernanceProposed(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """An organisation proposes a change of the validators. Votes are taken until `not_after`."""

    proposal: Id
    change: Change


class GovernanceVoted(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """A hospital or the authority votes on an open proposal, once."""

    proposal: Id
    approve: bool


class CheckpointRequested(BodyFields, frozen=True, kw_only=True, tag=True, gc=False):
    """An organisation asks for a block now, so that everybody has a fresh commit to check against."""


class CandidacyRenewed(BodyFields, frozen=True, kw_only=True, tag=True):
    """A candidate that does not vote shows that it follows. Author `validator:<ADDRESS>`; signed by the
    validator's own key as `#validator`."""

    public: B64u32
    epoch: Count


Body: TypeAlias = (
    DidRegistered
    | DidRotated
    | OrganisationRegistered
    | ClinicianRegistered
    | ClinicianRevoked
    | RecordAnchored
    | RecordAcknowledged
    | RecordAudited
    | ConsentGranted
    | ConsentRevoked
    | AccessOpened
    | GovernanceProposed
    | GovernanceVoted
    | CheckpointRequested
    | CandidacyRenewed
)


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The author's key id and b64u of its 64-byte Ed25519 signature."""

    key: KeyId
    signature: B64u64


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    body: Body
    signatures: tuple[Signature]


class SignedTx(msgspec.Struct, frozen=True, gc=False):
    """A decoded transaction. Its form is checked; its signature and the rules are not yet."""

    body: Body
    key_id: str
    signature: bytes
    wire: bytes

    @property
    def hash(self) -> bytes:
        """The transaction's id: SHA-256(wire)."""
        return tx_hash(self.wire)

    @property
    def signed_bytes(self) -> bytes:
        """What the signature covers: `signed_bytes(self.body)`, cut out of the canonical wire bytes."""
        return _SIGNING_DOMAIN + self.wire[_BEFORE_BODY : -(_AFTER_BODY + len(self.key_id))]


_decoder = msgspec.json.Decoder(_Wire)
_body_decoder: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)


def signed_bytes(body: Body) -> bytes:
    """ "salus/tx/v1" ‖ 0x00 ‖ JCS(body)."""
    return _SIGNING_DOMAIN + encode(body)


def tx_hash(wire: bytes) -> bytes:
    """SHA-256 of the wire bytes (32 bytes): the transaction's id everywhere."""
    return hashlib.sha256(wire).digest()


def decode_tx(wire: bytes) -> SignedTx:
    """The transaction that `wire` spells.

    Raises Rejected: TX_TOO_LARGE, TX_MALFORMED (not JSON, or a field missing, unknown or of wrong form),
    TX_NOT_CANONICAL.
    """
    if len(wire) > MAX_TX_BYTES:
        raise Rejected(Code.TX_TOO_LARGE, f"{len(wire)} bytes; at most {MAX_TX_BYTES} are allowed")
    try:
        parsed = _decoder.decode(wire)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(Code.TX_MALFORMED, f"not a transaction: {safe_reason(error)}") from error
    if encode(parsed) != wire:
        raise Rejected(
            Code.TX_NOT_CANONICAL, "the bytes are not the canonical JSON (RFC 8785) of what they say"
        )
    only = parsed.signatures[0]
    return SignedTx(parsed.body, only.key, b64u_decode(only.signature, 64), wire)


def decode_body(document: bytes) -> Body:
    """The body that canonical JSON `document` spells. Raises Rejected as decode_tx does."""
    try:
        body = _body_decoder.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(Code.TX_MALFORMED, f"not a transaction body: {safe_reason(error)}") from error
    if encode(body) != document:
        raise Rejected(Code.TX_NOT_CANONICAL, "the body is not in canonical form (RFC 8785)")
    return body


def encode_tx(body: Body, key_id: str, signature: bytes) -> bytes:
    """Wire bytes of a body and a 64-byte signature made elsewhere over `signed_bytes(body)`."""
    return encode(_Wire(body, (Signature(key_id, b64u_encode(signature)),)))


def sign_tx(body: Body, key_id: str, signing_key: bytes) -> bytes:
    """Wire bytes of `body` signed by a 32-byte Ed25519 seed, the DID's key `key_id`."""
    return encode_tx(body, key_id, sign(signing_key, signed_bytes(body)))
