"""How often someone may do something: fixed windows in the database, so that processes count together."""

from django.db import transaction
from django.db.models import F

from wallet import ports
from wallet.errors import RateLimited
from wallet.models import RateWindow


def limit(key: str, *, most: int, window_ms: int = 60_000) -> None:
    """Count one act under `key`. Raises RateLimited past `most` in the window."""
    now = ports.now_ms()
    with transaction.atomic():
        row, _ = RateWindow.objects.select_for_update().get_or_create(
            key=key, defaults={"start": now, "count": 0}
        )
        if not 0 <= now - row.start < window_ms:
            RateWindow.objects.filter(pk=key).update(start=now, count=0)
        counted = RateWindow.objects.filter(pk=key, count__lt=most).update(count=F("count") + 1)
    if not counted:
        raise RateLimited(f"At most {most} in {window_ms // 1000} seconds.")
