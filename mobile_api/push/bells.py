"""Ringing closed phones: `A request is waiting` and an opaque id, end-to-end encrypted (RFC 8291)."""

import json
import logging
from datetime import datetime, timedelta
from functools import lru_cache

import requests
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from py_vapid import Vapid
from pywebpush import WebPushException, webpush

from mobile_api.models import PushDue, PushSubscription
from mobile_api.push.keys import application_server_key
from mobile_api.realtime.feed import acknowledged

log = logging.getLogger(__name__)

TTL_S = 600
TIMEOUT_S = 5.0
STALE = timedelta(minutes=10)
GONE = (404, 410)


def ring_due(now: datetime) -> int:
    """Ring every bell that is due and that no open page has confirmed; returns how many rang."""
    rung = 0
    for bell in PushDue.objects.filter(due_at__lte=now).order_by("id")[:200]:
        # Taking the row is the claim: of two processes one rings.
        claimed, _ = PushDue.objects.filter(id=bell.id).delete()
        fresh = now - bell.due_at < STALE
        if claimed and fresh and acknowledged(bell.person_id) < bell.seq:
            rung += ring(bell)
    return rung


def ring(bell: PushDue) -> int:
    """Send one bell to each of the person's browsers; a browser that is gone is forgotten."""
    if not application_server_key():
        return 0
    return sum(_send(s, bell.opaque_id) for s in PushSubscription.objects.filter(person_id=bell.person_id))


def bell_text(opaque_id: str, language: str) -> str:
    with translation.override(language):
        return json.dumps({"text": gettext("A request is waiting"), "id": opaque_id, "lang": language})


@lru_cache(maxsize=2)
def _vapid(path: str) -> Vapid:
    return Vapid.from_file(path)


def _session() -> requests.Session:
    """One that follows no redirect: the endpoint was checked, where it points to was not."""
    session = requests.Session()
    session.max_redirects = 0
    return session


def _send(subscription: PushSubscription, opaque_id: str) -> bool:
    info = {
        "endpoint": subscription.endpoint,
        "keys": {"p256dh": subscription.p256dh, "auth": subscription.auth},
    }
    try:
        webpush(
            info,
            bell_text(opaque_id, subscription.language),
            vapid_private_key=_vapid(str(settings.SALUS_VAPID_KEY_FILE)),
            vapid_claims={"sub": settings.SALUS_VAPID_SUBJECT},
            ttl=TTL_S,
            timeout=TIMEOUT_S,
            headers={"Urgency": "high"},
            requests_session=_session(),
        )
    except (WebPushException, requests.RequestException, ValueError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in GONE:
            subscription.delete()
        # The endpoint is a capability: it stays out of the log.
        log.warning(
            "web push: the push service did not take a message (%s, %s)", type(error).__name__, status
        )
        return False
    return True
