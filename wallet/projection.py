"""What each committed transaction changes in our rows. Applying one twice changes nothing more.

Rules
- Only the projector calls this, inside its transaction; what it sets mirrors the ledger and is remade by a
  replay.
- A consent's grant wakes only by the transaction it was saved with: another one under the same id does not.
- What the wallet does not know (other services' people) is mirrored where it is a consent, else passed over.
"""

from collections.abc import Callable

from django.db.models import F

from ledger.api import LedgerEvent
from wallet.feed import FeedKind, feed_append
from wallet.models import (
    AccessEvent,
    ClinicianDevice,
    Consent,
    Grant,
    OrganisationKeys,
    Outbox,
    PairwiseDid,
    Record,
)
from wallet.models.keys import LedgerState
from wallet.services.grants import grant_activate, grant_end


def event_apply(event: LedgerEvent) -> None:
    """Bring our rows up to one committed transaction."""
    handler = _HANDLERS.get(event.body["type"])
    if handler is not None:
        handler(event)
    Outbox.objects.filter(tx_hash=event.tx_hash).update(state=Outbox.State.COMMITTED)


def mirror_reset() -> None:
    """Take back everything that `event_apply` sets, before a replay. What ended stays ended."""
    Consent.objects.all().delete()
    AccessEvent.objects.all().delete()
    OrganisationKeys.objects.update(state=LedgerState.PENDING, registration_tx="")
    PairwiseDid.objects.filter(state=LedgerState.REGISTERED).update(state=LedgerState.PENDING)
    ClinicianDevice.objects.filter(state=LedgerState.REGISTERED).update(state=LedgerState.PENDING)
    ClinicianDevice.objects.update(registration_tx="")
    Record.objects.filter(state=Record.State.ANCHORED).update(state=Record.State.ANCHORING)
    Record.objects.filter(answer=Record.Answer.ACKNOWLEDGED).update(answer=Record.Answer.SIGNED)
    Grant.objects.filter(state=Grant.State.ACTIVE).update(state=Grant.State.SIGNED)


def _did_registered(event: LedgerEvent) -> None:
    did = PairwiseDid.objects.filter(did=event.body["did"]).first()
    if did is None:
        return
    PairwiseDid.objects.filter(pk=did.pk).update(state=LedgerState.REGISTERED)
    payload = {"did": did.did, "organisation_id": str(did.organisation_id)}
    feed_append(person_id=did.patient_id, kind=FeedKind.KEYS_REGISTERED, once=did.did, payload=payload)


def _organisation_registered(event: LedgerEvent) -> None:
    OrganisationKeys.objects.filter(did=event.body["did"]).update(
        state=LedgerState.REGISTERED, registration_tx=event.tx_hash
    )


def _clinician_registered(event: LedgerEvent) -> None:
    device = ClinicianDevice.objects.filter(credential_hash=event.body["credential"]).first()
    if device is None:
        return
    same = ClinicianDevice.objects.filter(pk=device.pk)
    same.update(registration_tx=event.tx_hash)
    same.filter(state=LedgerState.PENDING).update(state=LedgerState.REGISTERED)
    _tell_device(device, FeedKind.DEVICE_REGISTERED)


def _clinician_revoked(event: LedgerEvent) -> None:
    device = ClinicianDevice.objects.filter(credential_hash=event.body["credential"]).first()
    if device is None:
        return
    ClinicianDevice.objects.filter(pk=device.pk).update(state=LedgerState.REVOKED)
    _tell_device(device, FeedKind.DEVICE_REVOKED)


def _tell_device(device: ClinicianDevice, kind: FeedKind) -> None:
    feed_append(person_id=device.person_id, kind=kind, once=device.did, payload={"did": device.did})


def _record_anchored(event: LedgerEvent) -> None:
    record = Record.objects.filter(anchor=event.body["anchor"], manifest=event.body["manifest"]).first()
    if record is None:
        return
    Record.objects.filter(pk=record.pk).update(state=Record.State.ANCHORED, reason="")
    feed_append(
        person_id=record.patient_id,
        kind=FeedKind.RECORD_ADDED,
        once=record.anchor,
        payload={"record_id": record.id},
    )


def _records_acknowledged(event: LedgerEvent) -> None:
    named = Record.objects.filter(anchor__in=event.body["anchors"], recipient=event.body["subject"])
    owner = named.values_list("patient_id", flat=True).first()
    named.update(answer=Record.Answer.ACKNOWLEDGED)
    payload = {"tx_hash": event.tx_hash}
    feed_append(person_id=owner, kind=FeedKind.RECORDS_ACKNOWLEDGED, once=event.tx_hash, payload=payload)


def _consent_granted(event: LedgerEvent) -> None:
    body = event.body
    same = ("subject", "artefact", "handles_root", "valid_from", "valid_until", "max_opens", "custody")
    Consent.objects.get_or_create(
        consent_id=body["consent"],
        defaults={name: body[name] for name in same}
        | {"tx_hash": event.tx_hash, "height": event.cursor.height},
    )
    grant_activate(event.tx_hash)


def _consent_revoked(event: LedgerEvent) -> None:
    Consent.objects.filter(consent_id=event.body["consent"]).update(revoked=True)
    grant_end(event.body["consent"], Grant.State.REVOKED)


def _access_opened(event: LedgerEvent) -> None:
    consent_id = event.body["consent"]
    _, new = AccessEvent.objects.get_or_create(
        tx_hash=event.tx_hash,
        defaults={
            "consent_id": consent_id,
            "handles": event.body["handles"],
            "height": event.cursor.height,
            "index": event.cursor.index,
            "at": event.time_ms,
            "issued_at": event.body["issued_at"],
        },
    )
    if not new:
        return
    Consent.objects.filter(consent_id=consent_id).update(opens=F("opens") + 1)
    grant = Grant.objects.filter(consent_id=consent_id).first()
    if grant is None:
        return
    payload = {"consent_id": consent_id, "tx_hash": event.tx_hash}
    feed_append(person_id=grant.patient_id, kind=FeedKind.ACCESS_OPENED, once=event.tx_hash, payload=payload)
    if Consent.objects.filter(consent_id=consent_id, max_opens__gt=0, opens__gte=F("max_opens")).exists():
        grant_end(consent_id, Grant.State.EXHAUSTED)


_HANDLERS: dict[str, Callable[[LedgerEvent], None]] = {
    "DidRegistered": _did_registered,
    "OrganisationRegistered": _organisation_registered,
    "ClinicianRegistered": _clinician_registered,
    "ClinicianRevoked": _clinician_revoked,
    "RecordAnchored": _record_anchored,
    "RecordAcknowledged": _records_acknowledged,
    "ConsentGranted": _consent_granted,
    "ConsentRevoked": _consent_revoked,
    "AccessOpened": _access_opened,
}
