"""The one reader of the ledger: turns committed transactions into rows and feed entries.

Rules
- A batch and the cursor behind it are one database transaction: after a crash it is read again, not lost.
- Events are pulled before the transaction begins; nothing waits for the network inside it.
"""

from django.db import transaction

from ledger.api import Cursor as LedgerCursor
from ledger.api import LedgerEvent
from wallet import ports
from wallet.models import Cursor
from wallet.projection import event_apply, mirror_reset

NAME = "ledger"
BATCH = 100


def project_step(*, wait_s: float = 0.0) -> int:
    """Apply the next batch of ledger events, waiting up to `wait_s` for one; returns how many.

    Raises LedgerUnavailable or ProofInvalid when no validator gives events that verify.
    """
    cursor = _cursor()
    events = ports.ledger().events_since(cursor, limit=BATCH, wait_s=wait_s)
    if events:
        with transaction.atomic():
            if _cursor(lock=True) != cursor:
                return 0  # another projector was faster; its rows stand
            _apply(events)
    return len(events)


def projection_rebuild() -> int:
    """Drop every mirrored row and replay the ledger from its start; returns how many events were applied.

    The events are fetched first, then everything happens in one transaction: readers see the old rows or
    the new ones, never half. Other projectors must not run meanwhile; if one does, its batch is repeated.
    """
    events = _all_events()
    with transaction.atomic():
        mirror_reset()
        Cursor.objects.filter(name=NAME).delete()
        _apply(events)
    return len(events)


def _apply(events: list[LedgerEvent]) -> None:
    for event in events:
        event_apply(event)
    if events:
        last = events[-1].cursor
        place = {"height": last.height, "index": last.index}
        Cursor.objects.update_or_create(name=NAME, defaults=place)


def _all_events() -> list[LedgerEvent]:
    found: list[LedgerEvent] = []
    while batch := ports.ledger().events_since(found[-1].cursor if found else LedgerCursor(), limit=BATCH):
        found += batch
    return found


def _cursor(*, lock: bool = False) -> LedgerCursor:
    rows = Cursor.objects.select_for_update() if lock else Cursor.objects
    row = rows.filter(name=NAME).first()
    return LedgerCursor(row.height, row.index) if row else LedgerCursor()
