"""Timers, not blocks, end requests and grants."""

from django.db import transaction

from wallet.feed import FeedKind, feed_append
from wallet.models import AccessRequest, Grant
from wallet.services.grants import LIVE, grant_end


def expire_step(*, now: int) -> int:
    """End requests and grants whose time is over at `now` (ms); returns how many."""
    return _requests(now) + _grants(now)


def _requests(now: int) -> int:
    ended = 0
    waiting = AccessRequest.objects.filter(state=AccessRequest.State.REQUESTED, expires_at__lte=now)
    for request in waiting:
        with transaction.atomic():
            still = AccessRequest.objects.filter(pk=request.pk, state=AccessRequest.State.REQUESTED)
            if not still.update(state=AccessRequest.State.EXPIRED):
                continue
            ended += 1
            payload = {"request_id": request.id}
            for person_id, kind in (
                (request.patient_id, FeedKind.REQUEST_CLOSED),
                (request.person_id, FeedKind.REQUEST_EXPIRED),
            ):
                feed_append(person_id=person_id, kind=kind, once=request.id, payload=payload)
    return ended


def _grants(now: int) -> int:
    ended = 0
    over = Grant.objects.filter(state__in=LIVE, valid_until__lte=now).values_list("consent_id", flat=True)
    for consent_id in over:
        with transaction.atomic():
            ended += grant_end(consent_id, Grant.State.EXPIRED)
    return ended
