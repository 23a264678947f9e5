"""One feed per person: everything they should see, numbered without gaps.

`feed_append` is called inside the writer's transaction. Positions come from one counter row whose lock is
held until commit, so entries become visible in order and a reader's cursor never skips one.
"""

import enum
import threading
import time
import uuid
from collections.abc import Callable

from django.db import transaction

from wallet import ports
from wallet.models import FeedEntry, FeedHead
from wallet.shapes import FeedItem

_POLL_S = 0.2  # how soon entries of another process are seen
_news = threading.Condition()
_generation = 0  # counts wake-ups, so that news between reading and waiting is not missed


class FeedKind(enum.StrEnum):
    """What an entry tells; the payload's ids are named after each."""

    REQUEST_WAITING = "request.waiting"  # patient: request_id
    REQUEST_CLOSED = "request.closed"  # patient: request_id (withdrawn or expired)
    REQUEST_REFUSED = "request.refused"  # requester: request_id
    REQUEST_EXPIRED = "request.expired"  # requester: request_id
    CONSENT_SIGNED = "consent.signed"  # requester: request_id, consent_id; the ledger has yet to commit it
    CONSENT_ACTIVE = "consent.active"  # patient and requester: request_id, consent_id, tx_hash
    CONSENT_ENDED = "consent.ended"  # both: request_id, consent_id, state (revoked, expired, exhausted)
    CONSENT_FAILED = "consent.failed"  # both: request_id, consent_id
    ACCESS_OPENED = "access.opened"  # patient: consent_id, tx_hash
    RECORD_ADDED = "record.added"  # patient: record_id
    RECORD_FAILED = "record.failed"  # patient: record_id
    RECORDS_ACKNOWLEDGED = "records.acknowledged"  # patient: tx_hash
    ACKNOWLEDGEMENT_FAILED = "acknowledgement.failed"  # patient: tx_hash
    KEYS_REGISTERED = "keys.registered"  # patient: did, organisation_id
    KEYS_FAILED = "keys.failed"  # patient: did, organisation_id
    DEVICE_REGISTERED = "device.registered"  # clinician: did
    DEVICE_FAILED = "device.failed"  # clinician: did
    DEVICE_REVOKED = "device.revoked"  # clinician: did


def feed_append(
    *, person_id: uuid.UUID | None, kind: FeedKind, once: str, payload: dict[str, str]
) -> FeedEntry | None:
    """Add an entry to the person's feed, in the caller's transaction; `payload` holds ids only.

    `once` names the occasion: a second entry of that kind and occasion is not added, and None is returned.
    Nobody (a system client as requester) has no feed.
    """
    if person_id is None:
        return None
    head = _locked_head("")
    occasion = f"{kind}:{once}"
    if FeedEntry.objects.filter(person_id=person_id, once=occasion).exists():
        return None
    entry = FeedEntry.objects.create(
        position=_advance(head),
        person_id=person_id,
        seq=_advance(_locked_head(str(person_id))),
        kind=str(kind),
        payload=payload,
        once=occasion,
        created_at=ports.now_ms(),
    )
    transaction.on_commit(feed_wake)
    return entry


def feed_wake() -> None:
    """Wake this process's waiting readers."""
    global _generation
    with _news:
        _generation += 1
        _news.notify_all()


def feed_since(*, person_id: uuid.UUID, after: int, wait_s: float = 0.0, limit: int = 200) -> list[FeedItem]:
    """The person's entries with `seq` > `after`, in order; waits up to `wait_s` for a first one."""
    mine = FeedEntry.objects.filter(person_id=person_id, seq__gt=after).order_by("seq")
    return _wait(lambda: [_item(entry) for entry in mine.all()[:limit]], wait_s)


def feed_tail(*, after: int, wait_s: float = 0.0, limit: int = 500) -> list[FeedItem]:
    """All persons' entries with `position` > `after`, in order: what a pump for sockets and push pulls."""
    every = FeedEntry.objects.filter(position__gt=after).order_by("position")
    return _wait(lambda: [_item(entry) for entry in every.all()[:limit]], wait_s)


def feed_position() -> int:
    """The newest position: where a pump that starts now begins."""
    return FeedHead.objects.filter(key="").values_list("last", flat=True).first() or 0


def _wait(read: Callable[[], list[FeedItem]], wait_s: float) -> list[FeedItem]:
    """What `read` finds, asking again on news and every `_POLL_S` until something is there or time is up."""
    deadline = time.monotonic() + wait_s
    while True:
        seen = _generation
        found = read()
        left = deadline - time.monotonic()
        if found or left <= 0:
            return found
        with _news:
            if _generation == seen:
                _news.wait(min(left, _POLL_S))


def _locked_head(key: str) -> FeedHead:
    head, _ = FeedHead.objects.select_for_update().get_or_create(key=key)
    return head


def _advance(head: FeedHead) -> int:
    head.last += 1
    head.save(update_fields=["last"])
    return head.last


def _item(entry: FeedEntry) -> FeedItem:
    return FeedItem(
        person_id=entry.person_id,
        seq=entry.seq,
        position=entry.position,
        kind=entry.kind,
        payload=entry.payload,
        created_at=entry.created_at,
    )
