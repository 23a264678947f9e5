"""The patient's word on new records: "these are mine", signed for the ledger, or "this is not mine".

Rules
- Asked about are records that are on the ledger and that the patient has not answered for.
- "Mine" is a `RecordAcknowledged` under the DID that the records were sealed to: by the phone, or by the
  service with the patient's PIN. Nothing else makes a record count for its hospital.
- "Not mine" is kept here and shown to the hospital that sent it; nothing about it is on the ledger. The
  patient may still say "mine" afterwards; what was acknowledged stays so.
"""

import secrets
import uuid
from collections.abc import Sequence

from django.db import transaction

from ledger.api import RecordAcknowledged, keyset_from_json
from wallet import ports
from wallet.errors import Invalid, NotFound, Refused
from wallet.models import PairwiseDid, Record
from wallet.outbox import outbox_queue
from wallet.selectors import patient_or_refuse
from wallet.services.custodial import SPREAD_MS, OpenBundle, custodial_open
from wallet.shapes import RecordView
from wallet.shaping import record_views
from wallet.wires import check_signed_by, decode

AT_ONCE = 500
"""Records that one transaction acknowledges; ledger/types/tx.py sets the limit."""
OPEN = (Record.Answer.NONE, Record.Answer.DISPUTED)


def records_acknowledge_self_held(*, person_id: uuid.UUID, wires: Sequence[bytes]) -> list[RecordView]:
    """Take a phone's signed `RecordAcknowledged`s, all or none; the records they name.

    Raises Invalid, NotFound (a record is not this patient's), Refused (one was acknowledged before).
    """
    with transaction.atomic():
        return record_views([record for wire in wires for record in _save(person_id, wire)])


def records_acknowledge_custodial(
    *, person_id: uuid.UUID, records: Sequence[str], pin: str
) -> list[RecordView]:
    """Sign for these records with the PIN and queue that, all or none.

    Raises WrongFactor, FactorLocked, NotFound, Refused (one was acknowledged before, or is not anchored yet).
    """
    mine = _answerable(person_id, "id", records)
    bundle = custodial_open(patient=patient_or_refuse(person_id), pin=pin)
    with transaction.atomic():
        wires = [wire for group in _by_recipient(mine).values() for wire in _sign(bundle, group)]
        return record_views([record for wire in wires for record in _save(person_id, wire)])


def records_dispute(*, person_id: uuid.UUID, records: Sequence[str]) -> list[RecordView]:
    """Keep that these records are not the patient's. Raises NotFound, Refused (one was acknowledged)."""
    with transaction.atomic():
        return record_views(_answer(_answerable(person_id, "id", records), Record.Answer.DISPUTED))


def _save(person_id: uuid.UUID, wire: bytes) -> list[Record]:
    """Check an acknowledgement and queue it, in the caller's transaction."""
    body, signed = decode(wire, RecordAcknowledged, ports.now_ms())
    did = PairwiseDid.objects.filter(did=body.subject, patient_id=person_id).first()
    if did is None or body.author != body.subject:
        raise Invalid("A record is acknowledged under the DID that it was sealed to.")
    records = _answerable(person_id, "anchor", body.anchors)
    if any(record.recipient != did.did for record in records):
        raise Invalid("A record is acknowledged under the DID that it was sealed to.")
    check_signed_by(signed, keyset_from_json(did.keyset))
    outbox_queue(signed, subject=did.did)
    return _answer(records, Record.Answer.SIGNED)


def _sign(bundle: OpenBundle, records: Sequence[Record]) -> list[bytes]:
    first, anchors = records[0], sorted(record.anchor for record in records)
    issued_at = ports.now_ms() - secrets.randbelow(SPREAD_MS)
    return [
        bundle.sign_body_at(
            issued_at,
            first.source_id,
            first.recipient,
            RecordAcknowledged,
            subject=first.recipient,
            anchors=tuple(anchors[at : at + AT_ONCE]),
        )
        for at in range(0, len(anchors), AT_ONCE)
    ]


def _answerable(person_id: uuid.UUID, field: str, names: Sequence[str]) -> list[Record]:
    """The patient's own records of these names, which must wait for an answer."""
    if not names:
        raise Invalid("No record is named.")
    records = list(Record.objects.filter(patient_id=person_id, **{f"{field}__in": names}).order_by("id"))
    if {getattr(record, field) for record in records} != set(names):
        raise NotFound("There is no such record.")
    if any(record.state != Record.State.ANCHORED for record in records):
        raise Refused("A record is not on the ledger yet.", next="Wait a moment and try again.")
    if any(record.answer not in OPEN for record in records):
        raise Refused("A record was acknowledged already.")
    return records


def _by_recipient(records: Sequence[Record]) -> dict[str, list[Record]]:
    grouped: dict[str, list[Record]] = {}
    for record in records:
        grouped.setdefault(record.recipient, []).append(record)
    return grouped


def _answer(records: Sequence[Record], answer: Record.Answer) -> list[Record]:
    """Keep the answer, unless another call has answered in the meantime."""
    waiting = Record.objects.filter(pk__in=[record.pk for record in records], answer__in=OPEN)
    if waiting.update(answer=answer) != len(records):
        raise Refused("A record was acknowledged already.")
    for record in records:
        record.answer = answer
    return list(records)
