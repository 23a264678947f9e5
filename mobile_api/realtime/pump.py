"""The pump: pulls the wallet's feed by its own cursor, wakes open pages, sets bells.

It runs in every process that holds sockets. Waking twice is harmless: a socket reads from its own cursor. The
pump's place and the bells are saved in one transaction, so a crash neither skips a bell nor sets an old one
again.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from channels.layers import get_channel_layer
from django.db import transaction

from mobile_api.models import PumpCursor, PushDue
from mobile_api.push.bells import ring_due
from mobile_api.realtime.feed import group_of, in_thread
from wallet import api as wallet

log = logging.getLogger(__name__)

WAIT_S = 2.0
GRACE_S = 2.0
BACKOFF_S = 2.0
RINGS = wallet.FeedKind.REQUEST_WAITING


def pump_position() -> int:
    """Where the pump stands; a first start begins at the feed's present end."""
    row, _ = PumpCursor.objects.get_or_create(id=1, defaults={"position": wallet.feed_position()})
    return row.position


def pull(position: int, wait_s: float) -> list[wallet.FeedItem]:
    """The next entries of everyone, after `position`; waits for the first one."""
    return wallet.feed_tail(after=position, wait_s=wait_s)


@transaction.atomic
def advance(entries: list[wallet.FeedItem], now: datetime) -> int:
    """Save the pump's place and a bell for each request that has just come in; returns the new place.

    Several web processes may pump at once: the row's lock lets each entry set its bell once.
    """
    cursor = PumpCursor.objects.select_for_update().get(id=1)
    due = now + timedelta(seconds=GRACE_S)
    PushDue.objects.bulk_create(
        PushDue(person_id=e.person_id, seq=e.seq, opaque_id=e.payload["request_id"], due_at=due)
        for e in entries
        if e.kind == RINGS and e.position > cursor.position
    )
    cursor.position = max(cursor.position, entries[-1].position)
    cursor.save(update_fields=["position"])
    return entries[-1].position


async def wake(entries: list[wallet.FeedItem]) -> None:
    """One wake a person, naming their newest entry."""
    layer = get_channel_layer()
    newest = {e.person_id: e.seq for e in entries}
    for person_id, seq in newest.items():
        await layer.group_send(group_of(person_id), {"type": "feed.wake", "seq": seq})


async def pump_step(position: int, wait_s: float = WAIT_S) -> int:
    """Pull once, wake, set bells; returns the new place."""
    entries = await in_thread(pull, position, wait_s)
    if not entries:
        return position
    await wake(entries)
    return await in_thread(advance, entries, datetime.now(UTC))


async def run_bells(stop: asyncio.Event) -> None:
    """Ring what is due, twice a second."""
    while not stop.is_set():
        try:
            await in_thread(ring_due, datetime.now(UTC))
        except Exception:
            log.exception("push bells: a step failed; trying again")
            await asyncio.sleep(BACKOFF_S)
        await asyncio.sleep(0.5)


async def run_pump(stop: asyncio.Event) -> None:
    """Pump until `stop` is set. An error is logged and tried again: the cursor makes that safe."""
    bells = asyncio.create_task(run_bells(stop))
    position: int | None = None
    while not stop.is_set():
        try:
            position = await in_thread(pump_position) if position is None else position
            position = await pump_step(position)
        except Exception:
            log.exception("feed pump: a step failed; trying again")
            await asyncio.sleep(BACKOFF_S)
    await bells
