"""Sealing data keys to patients and anchoring records; and re-sealing what waited for a patient's key.

Rules
- A data key is sealed to the patient's DID at the record's source, at the newest epoch of its sealing keys.
- Without that DID it is sealed to the source's gateway, and only there, until the DID is on the ledger; then
  it is re-sealed, the record anchored, and the gateway's copy destroyed in the same transaction.
- Row, envelope and signed `RecordAnchored` are saved together, or not at all.
"""

import secrets
import uuid
from typing import Any

import msgspec
from django.db import transaction

from ledger.api import RecordAnchored, b64u_decode, b64u_encode, dumps, tagged_hash
from wallet import ports
from wallet.core.envelope import SealingPublic, open_envelope, parse_envelope, record_key_info, seal
from wallet.errors import KeyUnavailable
from wallet.models import PairwiseDid, PendingSeal, Record
from wallet.models.keys import LedgerState
from wallet.outbox import outbox_queue
from wallet.services.organisation_keys import OpenKeys, open_keys
from wallet.translate import checking
from wallet.wires import new_id

RESEAL_BATCH = 50


def newest_sealing_key(keyset: dict[str, Any]) -> SealingPublic:
    """The key set's sealing key of the highest epoch."""
    key = max(keyset["sealing"], key=lambda item: item["epoch"])
    return SealingPublic(id=key["id"], suite=key["suite"], public=b64u_decode(key["public"]))


def seal_data_key(
    data_key: bytes, *, record_id: str, epoch: int, recipient: str, keyset: dict[str, Any]
) -> dict[str, Any]:
    """The envelope (JSON) of a record's data key to the DID `recipient`."""
    info = record_key_info(record=record_id, epoch=epoch, recipient=recipient)
    with checking("the recipient's sealing key"):
        envelope = seal(newest_sealing_key(keyset), data_key, info)
    sealed: dict[str, Any] = msgspec.to_builtins(envelope)
    return sealed


def record_anchor(record: Record, keys: OpenKeys, did: PairwiseDid, envelope: dict[str, Any]) -> None:
    """Give the record its envelope and queue its anchor, in the caller's transaction."""
    record.recipient, record.envelope = did.did, envelope
    record.anchor, record.state = new_id(), Record.State.ANCHORING
    record.save()
    wire = keys.sign_body(
        RecordAnchored,
        ports.now_ms(),
        anchor=record.anchor,
        subject=did.did,
        manifest=record.manifest,
        root=record.root,
        codec=record.codec,
        commitment=anchor_commitment(record, keys.did),
    )
    outbox_queue(wire, subject=record.anchor)


def anchor_commitment(record: Record, source: str) -> str:
    """`b64u(H("salus/anchor/v1", anchor salt, JCS(metadata)))` of docs/formats.md section 7."""
    metadata = {
        "record": record.id,
        "source": source,
        "type": record.type,
        "label": record.label,
        "group": record.group,
        "period": {"start": record.period_start, "end": record.period_end},
        "size": record.size,
    }
    return b64u_encode(tagged_hash("salus/anchor/v1", bytes(record.anchor_salt), dumps(metadata)))


def new_anchor_salt() -> bytes:
    return secrets.token_bytes(32)


def reseal_step() -> int:
    """Re-seal and anchor records that waited for a DID that is registered now; returns how many."""
    return sum(_reseal_for(did) for did in _dids_awaited())


def _dids_awaited() -> list[PairwiseDid]:
    waiting = Record.objects.filter(state=Record.State.AWAITING_KEY).values_list("patient_id", "source_id")
    pairs = set(waiting.distinct())
    registered = PairwiseDid.objects.filter(
        state=LedgerState.REGISTERED, patient_id__in={patient for patient, _ in pairs}
    )
    return [did for did in registered if (did.patient_id, did.organisation_id) in pairs]


def _reseal_for(did: PairwiseDid) -> int:
    try:
        keys = open_keys(did.organisation_id)
    except KeyUnavailable:
        return 0  # another process is that organisation's gateway
    done = 0
    while ids := _waiting(did.patient_id, did.organisation_id):
        with transaction.atomic():
            for pending in PendingSeal.objects.select_for_update().filter(record_id__in=ids):
                _reseal(pending, keys, did)
                done += 1
    return done


def _waiting(patient_id: uuid.UUID, source_id: uuid.UUID) -> list[str]:
    waiting = PendingSeal.objects.filter(record__patient_id=patient_id, record__source_id=source_id)
    return list(waiting.order_by("record_id").values_list("record_id", flat=True)[:RESEAL_BATCH])


def _reseal(pending: PendingSeal, keys: OpenKeys, did: PairwiseDid) -> None:
    record = pending.record
    info = record_key_info(record=record.id, epoch=record.epoch, recipient=keys.did)
    with checking("a waiting data key"):
        data_key = open_envelope(keys.sealing, parse_envelope(pending.envelope), info)
    envelope = seal_data_key(
        data_key, record_id=record.id, epoch=record.epoch, recipient=did.did, keyset=did.keyset
    )
    record_anchor(record, keys, did, envelope)
    pending.delete()
