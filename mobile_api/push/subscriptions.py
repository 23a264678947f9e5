"""Which browsers may be rung. An endpoint is a URL that we will post to, so only known push services pass."""

import uuid
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from mobile_api.errors import ApiRefusal
from mobile_api.models import PushSubscription

# The push services of Chromium, Firefox, Edge and Safari. A host of its own, or any below ".name".
SERVICES = (
    "fcm.googleapis.com",
    ".push.services.mozilla.com",
    ".notify.windows.com",
    ".push.apple.com",
)
PER_PERSON = 10


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True):
    """`PushSubscription.toJSON()` of the Push API; `expirationTime` is not used."""

    endpoint: str
    keys: Keys


def is_push_service(endpoint: str) -> bool:
    """Whether the endpoint lies at a known push service, over TLS (a setting adds hosts for own services)."""
    if endpoint.startswith(tuple(getattr(settings, "SALUS_PUSH_SERVICES", ()))):
        return True
    try:
        url = urlsplit(endpoint)
        host, port = url.hostname or "", url.port
    except ValueError:  # a port or an address that is none
        return False
    known = any(host == s or (s.startswith(".") and host.endswith(s)) for s in SERVICES)
    return url.scheme == "https" and port in (None, 443) and not url.username and known


def subscription_save(*, person_id: uuid.UUID, subscription: Subscription, language: str) -> None:
    """Keep the browser's subscription; the oldest beyond ten a person are forgotten."""
    if len(subscription.endpoint) > 1000 or not is_push_service(subscription.endpoint):
        raise ApiRefusal(
            400,
            "unknown_push_service",
            _("This browser's push service is not known to Salus."),
            _("Keep the page open instead: it rings by itself."),
        )
    PushSubscription.objects.update_or_create(
        endpoint=subscription.endpoint,
        defaults={
            "person_id": person_id,
            "p256dh": subscription.keys.p256dh[:120],
            "auth": subscription.keys.auth[:60],
            "language": language,
        },
    )
    mine = PushSubscription.objects.filter(person_id=person_id).order_by("-created_at", "-id")
    PushSubscription.objects.filter(id__in=[row.id for row in mine[PER_PERSON:]]).delete()


def subscription_delete(*, person_id: uuid.UUID, endpoint: str) -> None:
    PushSubscription.objects.filter(person_id=person_id, endpoint=endpoint).delete()
