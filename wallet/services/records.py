"""Records in: encrypt, store, seal to the patient, anchor. And a patient's own reading."""

import hashlib
import hmac
import io
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from django.db import transaction

from ledger.api import b64u_encode, dumps
from wallet import ports
from wallet.core.envelope import SealingKey, open_envelope, parse_envelope, record_key_info
from wallet.errors import Invalid, NotFound, Refused
from wallet.models import PairwiseDid, Patient, PendingSeal, Record
from wallet.models.keys import LedgerState
from wallet.ports import StoredPort
from wallet.selectors import patient_or_refuse
from wallet.services.custodial import custodial_open
from wallet.services.organisation_keys import OpenKeys, keys_row, open_keys, organisation_or_refuse
from wallet.services.sealing import new_anchor_salt, record_anchor, seal_data_key
from wallet.services.tokens import token_issue
from wallet.shapes import IngestedRecord, OwnRecord, OwnRecordKey, RecordPart
from wallet.shaping import record_view
from wallet.translate import asking_storage, checking

LABELS = ("N", "R", "V")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9./_-]{0,63}\Z")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})?\Z")
_READ_SIZE = 1 << 20


@dataclass(frozen=True)
class _Fresh:
    """A part that is not here yet, its ids and key; `stored` once its bytes are with the providers."""

    part: RecordPart
    digest: str
    record_id: str
    data_key: bytes = field(repr=False)


def records_ingest(
    *, organisation_id: uuid.UUID, patient_id: uuid.UUID, parts: Sequence[RecordPart]
) -> list[IngestedRecord]:
    """Store the parts as records of the patient (a person_id), all or nothing.

    Each gets a fresh data key, is encrypted and spread over the providers, its key sealed to the patient's
    DID at this source; row and signed `RecordAnchored` are saved in one transaction. Without a registered
    DID the key is sealed to the organisation's gateway and the state is `awaiting_key`. Bytes that this
    source sent for this patient before, with the same metadata, come back as `duplicate`. A stream is read
    twice: it must seek. Must not be called inside a database transaction.
    Raises NotFound (patient or organisation), Invalid (a part's metadata), StorageDown, KeyUnavailable.
    """
    organisation_or_refuse(organisation_id)
    patient = patient_or_refuse(patient_id)
    keys = open_keys(organisation_id)
    for index, part in enumerate(parts):
        _check_part(index, part)
    digests = [_digest(organisation_id, patient_id, part) for part in parts]
    known = _known(organisation_id, digests)
    fresh = {
        digest: _Fresh(part, digest, str(uuid.uuid4()), secrets.token_bytes(32))
        for digest, part in zip(digests, parts, strict=True)
        if digest not in known
    }
    if fresh:
        known |= _save(patient, organisation_id, keys, list(fresh.values()))
    made = {item.record_id for item in fresh.values()}
    return [_answer(known[digest], made) for digest in digests]


def record_open_own(*, person_id: uuid.UUID, record_id: str) -> OwnRecord:
    """A self-held patient's own record: its envelope for the phone to open, a token for the ciphertext."""
    record = _own_record(person_id, record_id)
    return OwnRecord(
        record=record_view(record),
        recipient=record.recipient,
        envelope=record.envelope or {},
        token=token_issue(person_id=person_id, consent_id="", manifests={record.id: record.manifest}),
    )


def record_open_own_custodial(*, person_id: uuid.UUID, record_id: str, pin: str) -> OwnRecordKey:
    """A custodial patient's own record: its data key, opened with the PIN in this call only.

    Raises WrongFactor, FactorLocked, NotFound, Refused (not custodial).
    """
    record = _own_record(person_id, record_id)
    bundle = custodial_open(patient=record.patient, pin=pin)
    data_key = open_with_custody(record, bundle.sealing_key(record.source_id))
    return OwnRecordKey(
        record=record_view(record),
        data_key=b64u_encode(data_key),
        token=token_issue(person_id=person_id, consent_id="", manifests={record.id: record.manifest}),
    )


def open_with_custody(record: Record, key: SealingKey) -> bytes:
    """A record's data key, opened with the patient's own sealing key."""
    info = record_key_info(record=record.id, epoch=record.epoch, recipient=record.recipient)
    with checking("the record's envelope"):
        return open_envelope(key, parse_envelope(record.envelope), info)


def _own_record(person_id: uuid.UUID, record_id: str) -> Record:
    record = Record.objects.select_related("patient").filter(id=record_id, patient_id=person_id).first()
    if record is None:
        raise NotFound("There is no such record.")
    if record.envelope is None:
        raise Refused("This record waits for your keys.", next="Set up your keys first.")
    return record


def _save(
    patient: Patient, organisation_id: uuid.UUID, keys: OpenKeys, fresh: list[_Fresh]
) -> dict[str, Record]:
    stored = _store(fresh)
    did = PairwiseDid.objects.filter(
        patient=patient, organisation_id=organisation_id, state=LedgerState.REGISTERED
    ).first()
    with transaction.atomic():
        rows = {}
        for item in fresh:
            # Someone may have sent the same bytes in the meantime: theirs stands, ours is left to the sweep.
            there = Record.objects.filter(source_id=organisation_id, digest=item.digest).first()
            rows[item.digest] = there or _row(patient, organisation_id, keys, did, item, stored[item.digest])
    _erase_unused(rows, fresh, stored)
    return rows


def _store(fresh: list[_Fresh]) -> dict[str, StoredPort]:
    with asking_storage(), ports.storage().upload() as upload:
        return {
            item.digest: upload.put(
                _stream(item.part), record_id=item.record_id, version=1, data_key=item.data_key
            )
            for item in fresh
        }


def _erase_unused(rows: dict[str, Record], fresh: list[_Fresh], stored: dict[str, StoredPort]) -> None:
    for item in fresh:
        if rows[item.digest].id != item.record_id:
            with asking_storage():
                ports.storage().erase(stored[item.digest].manifest)


def _row(
    patient: Patient,
    organisation_id: uuid.UUID,
    keys: OpenKeys,
    did: PairwiseDid | None,
    item: _Fresh,
    stored: StoredPort,
) -> Record:
    part = item.part
    record = Record(
        id=item.record_id,
        patient=patient,
        source_id=organisation_id,
        type=part.type,
        label=part.label,
        group=part.group,
        period_start=part.period_start,
        period_end=part.period_end,
        size=stored.size,
        digest=item.digest,
        manifest=stored.manifest,
        root=b64u_encode(stored.root),
        codec=stored.codec,
        anchor_salt=new_anchor_salt(),
        state=Record.State.AWAITING_KEY,
        created_at=ports.now_ms(),
    )
    sealed_for, keyset = (did.did, did.keyset) if did else (keys.did, keys_row(organisation_id).keyset)
    envelope = seal_data_key(
        item.data_key, record_id=record.id, epoch=record.epoch, recipient=sealed_for, keyset=keyset
    )
    if did:
        record_anchor(record, keys, did, envelope)
    else:
        record.save(force_insert=True)
        PendingSeal.objects.create(record=record, envelope=envelope)
    return record


def _answer(record: Record, made: set[str]) -> IngestedRecord:
    new = record.id in made
    made.discard(record.id)  # the same bytes twice in one call: the second is a duplicate of the first
    return IngestedRecord(record_id=record.id, state=str(record.state), duplicate=not new)


def _known(organisation_id: uuid.UUID, digests: list[str]) -> dict[str, Record]:
    there = Record.objects.filter(source_id=organisation_id, digest__in=digests)
    return {record.digest: record for record in there}


def _digest(organisation_id: uuid.UUID, patient_id: uuid.UUID, part: RecordPart) -> str:
    """HMAC under a key of the service: equal for equal bytes and metadata, meaningless to whoever sees it."""
    content = hashlib.sha256()
    stream = _stream(part)
    while chunk := stream.read(_READ_SIZE):
        content.update(chunk)
    facts = [str(organisation_id), str(patient_id), part.type, part.label, part.group]
    facts += [part.period_start, part.period_end, content.hexdigest()]
    return hmac.new(ports.vault().derive("record-digest"), dumps(facts), hashlib.sha256).hexdigest()


def _stream(part: RecordPart) -> BinaryIO:
    if isinstance(part.content, bytes):
        return io.BytesIO(part.content)
    part.content.seek(0)
    return part.content


def _check_part(index: int, part: RecordPart) -> None:
    for name, good in (
        ("type", bool(_TYPE.match(part.type))),
        ("label", part.label in LABELS),
        ("group", len(part.group) <= 200),
        ("period_start", bool(_DAY.match(part.period_start))),
        ("period_end", bool(_DAY.match(part.period_end))),
    ):
        if not good:
            raise Invalid(f"parts[{index}].{name} has a value that is not allowed.")
