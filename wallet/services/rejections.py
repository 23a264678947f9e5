"""What follows when the ledger refuses a transaction for good: its row fails and its owner is told."""

from collections.abc import Callable

from ledger.api import RecordAcknowledged, decode_tx
from wallet.feed import FeedKind, feed_append
from wallet.models import ClinicianDevice, Grant, Outbox, PairwiseDid, Record
from wallet.models.keys import LedgerState
from wallet.services.grants import grant_tell, grant_wipe


def rejection_apply(row: Outbox, reason: str) -> None:
    """Carry a permanent refusal to what the transaction was about, in the caller's transaction."""
    handler = _HANDLERS.get(row.type)
    if handler is not None:
        handler(row, reason[:200])


def _did(row: Outbox, _reason: str) -> None:
    did = PairwiseDid.objects.filter(did=row.subject, state=LedgerState.PENDING).first()
    if did is None:
        return
    did.state = LedgerState.REJECTED
    did.save(update_fields=["state"])
    payload = {"did": did.did, "organisation_id": str(did.organisation_id)}
    feed_append(person_id=did.patient_id, kind=FeedKind.KEYS_FAILED, once=row.tx_hash, payload=payload)


def _record(row: Outbox, reason: str) -> None:
    record = Record.objects.filter(anchor=row.subject, state=Record.State.ANCHORING).first()
    if record is None:
        return
    record.state, record.reason = Record.State.FAILED, reason
    record.save(update_fields=["state", "reason"])
    feed_append(
        person_id=record.patient_id,
        kind=FeedKind.RECORD_FAILED,
        once=row.tx_hash,
        payload={"record_id": record.id},
    )


def _acknowledgement(row: Outbox, _reason: str) -> None:
    """The patient is asked again: a key that was rotated, say, refuses it only once."""
    body = decode_tx(bytes(row.wire)).body
    assert isinstance(body, RecordAcknowledged)
    named = Record.objects.filter(anchor__in=body.anchors, answer=Record.Answer.SIGNED)
    owner = named.values_list("patient_id", flat=True).first()
    named.update(answer=Record.Answer.NONE)
    payload = {"tx_hash": row.tx_hash}
    feed_append(person_id=owner, kind=FeedKind.ACKNOWLEDGEMENT_FAILED, once=row.tx_hash, payload=payload)


def _grant(row: Outbox, reason: str) -> None:
    grant = Grant.objects.filter(tx_hash=row.tx_hash, state=Grant.State.SIGNED).first()
    if grant is None:
        return
    grant.state, grant.reason = Grant.State.REJECTED, reason
    grant.save(update_fields=["state", "reason"])
    grant_wipe(grant)
    grant_tell(grant, FeedKind.CONSENT_FAILED, once=row.tx_hash)


def _device(row: Outbox, _reason: str) -> None:
    device = ClinicianDevice.objects.filter(credential_hash=row.subject, state=LedgerState.PENDING).first()
    if device is None:
        return
    device.state = LedgerState.REJECTED
    device.save(update_fields=["state"])
    feed_append(
        person_id=device.person_id,
        kind=FeedKind.DEVICE_FAILED,
        once=row.tx_hash,
        payload={"did": device.did},
    )


_HANDLERS: dict[str, Callable[[Outbox, str], None]] = {
    "DidRegistered": _did,
    "RecordAnchored": _record,
    "RecordAcknowledged": _acknowledgement,
    "ConsentGranted": _grant,
    "ClinicianRegistered": _device,
}
