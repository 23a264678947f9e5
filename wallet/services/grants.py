"""A grant's life after approval: it becomes active, and it ends once and for good.

Rules
- Only a `signed` grant becomes active, and only by the very transaction it was saved with.
- `revoked`, `expired`, `exhausted` and `rejected` are final: sealed key and wraps are emptied at once.
- Revocation bumps the key epoch of every record it covered: later versions are sealed under new keys.
"""

from django.db.models import F

from wallet.feed import FeedKind, feed_append
from wallet.models import Grant, Record

LIVE = (Grant.State.SIGNED, Grant.State.ACTIVE)


def grant_activate(tx_hash: str) -> None:
    """The `ConsentGranted` of this hash is committed: its grant, if signed, is active from now on."""
    grant = Grant.objects.select_related("request").filter(tx_hash=tx_hash, state=Grant.State.SIGNED).first()
    if grant is None:
        return
    grant.state = Grant.State.ACTIVE
    grant.save(update_fields=["state"])
    grant_tell(grant, FeedKind.CONSENT_ACTIVE, once=grant.consent_id)


def grant_end(consent_id: str, state: Grant.State) -> bool:
    """End the grant, if it still lives; False when there is none or it had ended."""
    grant = Grant.objects.select_related("request").filter(consent_id=consent_id, state__in=LIVE).first()
    if grant is None:
        return False
    grant.state = state
    grant.save(update_fields=["state"])
    if state == Grant.State.REVOKED:
        covered = grant.wraps.values("record_id")
        Record.objects.filter(id__in=covered, next_epoch=F("epoch")).update(next_epoch=F("epoch") + 1)
    grant_wipe(grant)
    grant_tell(grant, FeedKind.CONSENT_ENDED, once=grant.consent_id)
    return True


def grant_wipe(grant: Grant) -> None:
    """Empty what could open anything; handles stay, so that the audit still names the records."""
    grant.sealed = None
    grant.save(update_fields=["sealed"])
    grant.wraps.update(wrap="")


def grant_tell(grant: Grant, kind: FeedKind, *, once: str) -> None:
    """Tell the patient and whoever asked."""
    payload = {"request_id": grant.request_id, "consent_id": grant.consent_id}
    if kind == FeedKind.CONSENT_ACTIVE:
        payload["tx_hash"] = grant.tx_hash
    if kind == FeedKind.CONSENT_ENDED:
        payload["state"] = grant.state
    for person_id in (grant.patient_id, grant.request.person_id):
        feed_append(person_id=person_id, kind=kind, once=once, payload=payload)
