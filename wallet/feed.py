"""One feed per person: everything they should see, numbered without gaps.

`feed_append` is called inside the writer's transaction. Positions come from one counter row whose lock is
held until commit, so entries become visible in order and a reader's cursor never skips one.
"""

import enum
import uuid

from wallet.shapes import FeedItem


class FeedKind(enum.StrEnum):
    """What an entry tells; the payload's ids are named after each."""

    REQUEST_WAITING = "request.waiting"  # patient: request_id
    REQUEST_CLOSED = "request.closed"  # patient: request_id (withdrawn or expired, answered elsewhere)
    REQUEST_REFUSED = "request.refused"  # requester: request_id
    REQUEST_EXPIRED = "request.expired"  # requester: request_id
    CONSENT_ACTIVE = "consent.active"  # patient and requester: request_id, consent_id, tx_hash
    CONSENT_ENDED = "consent.ended"  # both: request_id, consent_id, state (revoked, expired, exhausted)
    CONSENT_FAILED = "consent.failed"  # both: request_id, consent_id, reason (a code)
    ACCESS_OPENED = "access.opened"  # patient: consent_id, tx_hash
    RECORD_ADDED = "record.added"  # patient: record_id
    RECORD_FAILED = "record.failed"  # patient: record_id, reason
    KEYS_REGISTERED = "keys.registered"  # patient: did, organisation_id
    KEYS_FAILED = "keys.failed"  # patient: did, organisation_id, reason
    DEVICE_REGISTERED = "device.registered"  # clinician: did
    DEVICE_FAILED = "device.failed"  # clinician: did, reason
    DEVICE_REVOKED = "device.revoked"  # clinician: did


def feed_since(*, person_id: uuid.UUID, after: int, wait_s: float = 0.0, limit: int = 200) -> list[FeedItem]:
    """The person's entries with `seq` > `after`, in order; waits up to `wait_s` for a first one."""
    raise NotImplementedError


def feed_tail(*, after: int, wait_s: float = 0.0, limit: int = 500) -> list[FeedItem]:
    """All persons' entries with `position` > `after`, in order: what a pump for sockets and push pulls."""
    raise NotImplementedError


def feed_position() -> int:
    """The newest position: where a pump that starts now begins."""
    raise NotImplementedError
