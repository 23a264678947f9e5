"""Grant packs (docs/formats.md section 5): one sealed grant key, and each data key wrapped under it.

Rules
- A grant key is 32 fresh random bytes, used for one consent and then forgotten by its maker.
- A wrap's AAD names consent, record, epoch, recipient, purpose and expiry: moved elsewhere, it does not open.
- Wraps stand in the order of ascending handles, one per record of the artefact, neither more nor fewer.
- Nonces are 12 random bytes, never one twice under a grant key.
- Whoever relays a pack can check all but the sealed keys; the grantee checks those by opening.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wallet.core import documents as doc
from wallet.core._ledger import b64u_encode, dumps, handle, handles_root, wrap_hash, wraps_hash
from wallet.core.consent import Artefact, check_artefact
from wallet.core.envelope import (
    Envelope,
    SealingKey,
    SealingPublic,
    grant_key_info,
    open_envelope,
    parse_envelope,
    seal,
)
from wallet.core.errors import CannotOpen

_DOC = "grant pack"
KEY_SIZE = 32
NONCE_SIZE = 12
WRAP_SIZE = NONCE_SIZE + KEY_SIZE + 16


class Wrap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One record's data key under the grant key; `wrap` is b64u of nonce(12) ‖ AES-256-GCM(key)."""

    record: str
    epoch: int
    wrap: str


class GrantPack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a patient's device hands over with its signed ConsentGranted; `salt` is b64u of 32 bytes."""

    artefact: Artefact
    salt: str
    sealed: Envelope
    wraps: tuple[Wrap, ...]


@dataclass(frozen=True)
class DataKey:
    """A record's 32-byte data key of one key epoch."""

    record: str
    epoch: int
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class HandledRecord:
    """A record, its 32-byte handle under a consent's salt, and the handle's place in the consent's tree."""

    record: str
    handle: bytes
    index: int


def build_grant(
    artefact: Artefact,
    data_keys: Sequence[DataKey],
    grantee: SealingPublic,
    *,
    salt: bytes,
    grant_key: bytes,
    random: Callable[[int], bytes],
) -> GrantPack:
    """A pack that gives exactly the artefact's records to `grantee`. `random(n)` gives n random bytes.

    Raises Malformed when `data_keys` are not exactly those of the artefact's records.
    """
    check_artefact(artefact)
    doc.require(
        _DOC, "$.sealed", len(grant_key) == KEY_SIZE, "a 32-byte grant key", f"{len(grant_key)} bytes"
    )
    keys = {data_key.record: data_key for data_key in data_keys}
    exact = len(keys) == len(data_keys) and sorted(keys) == list(artefact.records)
    doc.require(
        _DOC, "$.wraps", exact, "one data key for each record of the artefact", f"{len(data_keys)} keys"
    )
    wraps = _wrap_all(
        artefact, [keys[item.record] for item in ordered_handles(salt, artefact.records)], grant_key, random
    )
    sealed = seal(grantee, grant_key, _info(artefact))
    return GrantPack(artefact=artefact, salt=b64u_encode(salt), sealed=sealed, wraps=wraps)


def ordered_handles(salt: bytes, records: Sequence[str]) -> tuple[HandledRecord, ...]:
    """The records in the order of their ascending handles: the leaves of the consent's tree."""
    pairs = sorted((handle(salt, record), record) for record in records)
    return tuple(HandledRecord(record, value, index) for index, (value, record) in enumerate(pairs))


def grant_handles_root(salt: bytes, records: Sequence[str]) -> str:
    """ConsentGranted's `handles_root` (b64u) for these records."""
    return b64u_encode(handles_root([handle(salt, record) for record in records]))


def parse_grant_pack(document: Mapping[str, object]) -> GrantPack:
    """The pack in a parsed JSON object, with everything checked that needs no key. Raises Malformed."""
    pack = doc.decode(_DOC, document, GrantPack)
    check_grant_pack(pack)
    return pack


def check_grant_pack(pack: GrantPack) -> None:
    """Salt, envelope, and one well-formed wrap per record in the order of handles. Raises Malformed."""
    check_artefact(pack.artefact)
    parse_envelope(msgspec.to_builtins(pack.sealed))
    salt = doc.key_bytes(_DOC, "$.salt", pack.salt, 32)
    expected = [item.record for item in ordered_handles(salt, pack.artefact.records)]
    same = [wrap.record for wrap in pack.wraps] == expected
    doc.require(_DOC, "$.wraps", same, "each record once, in the order of handles", "another list")
    for index, wrap in enumerate(pack.wraps):
        doc.key_bytes(_DOC, f"$.wraps[{index}].wrap", wrap.wrap, WRAP_SIZE)
        good = 1 <= wrap.epoch <= 2**31
        doc.require(_DOC, f"$.wraps[{index}].epoch", good, "an epoch from 1", wrap.epoch)


def open_grant_key(key: SealingKey, sealed: Envelope, artefact: Artefact) -> bytes:
    """The grant key, for the grantee. Raises CannotOpen."""
    return open_envelope(key, sealed, _info(artefact))


def wrap_data_key(grant_key: bytes, data_key: DataKey, artefact: Artefact, nonce: bytes) -> Wrap:
    """One wrap. Each `nonce` (12 random bytes) serves once per grant key."""
    doc.require(
        _DOC, "$.wraps", len(data_key.key) == KEY_SIZE, "32-byte data keys", f"{len(data_key.key)} bytes"
    )
    aad = _aad(artefact, data_key.record, data_key.epoch)
    wrapped = nonce + AESGCM(grant_key).encrypt(nonce, data_key.key, aad)
    return Wrap(record=data_key.record, epoch=data_key.epoch, wrap=b64u_encode(wrapped))


def unwrap_data_key(grant_key: bytes, wrap: Wrap, artefact: Artefact) -> DataKey:
    """The data key in `wrap`. Raises CannotOpen for another grant, record, epoch or bytes."""
    wrapped = doc.key_bytes(_DOC, "$.wrap", wrap.wrap, WRAP_SIZE)
    aad = _aad(artefact, wrap.record, wrap.epoch)
    try:
        key = AESGCM(grant_key).decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], aad)
    except InvalidTag as error:
        raise CannotOpen("the wrap does not open: it belongs to another grant or was changed") from error
    return DataKey(wrap.record, wrap.epoch, key)


def wraps_commitment(wraps: Sequence[Wrap]) -> str:
    """AccessOpened's `wraps` for these wraps, in the order of its handles."""
    return wraps_hash([wrap_hash_of(wrap) for wrap in wraps])


def wrap_hash_of(wrap: Wrap) -> bytes:
    """`H("salus/wrap/v1", wrap bytes)`, 32 bytes."""
    return wrap_hash(doc.key_bytes(_DOC, "$.wrap", wrap.wrap, WRAP_SIZE))


def _wrap_all(
    artefact: Artefact, keys: Sequence[DataKey], grant_key: bytes, random: Callable[[int], bytes]
) -> tuple[Wrap, ...]:
    nonces = [random(NONCE_SIZE) for _ in keys]
    fresh = len(set(nonces)) == len(nonces) and all(len(nonce) == NONCE_SIZE for nonce in nonces)
    doc.require(_DOC, "$.wraps", fresh, "fresh 12-byte nonces", "a nonce twice or of another length")
    return tuple(
        wrap_data_key(grant_key, key, artefact, nonce) for key, nonce in zip(keys, nonces, strict=True)
    )


def _info(artefact: Artefact) -> bytes:
    return grant_key_info(
        consent=artefact.id,
        recipient=artefact.requester.did,
        purpose=artefact.purpose,
        expiry=artefact.valid_until,
    )


def _aad(artefact: Artefact, record: str, epoch: int) -> bytes:
    return dumps(
        {
            "consent": artefact.id,
            "record": record,
            "epoch": epoch,
            "recipient": artefact.requester.did,
            "purpose": artefact.purpose,
            "expiry": artefact.valid_until,
        }
    )
