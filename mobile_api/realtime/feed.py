"""The database side of the sockets: entries after a cursor, acknowledgements, the pump's place.

Entries come from the wallet, numbered 1, 2, 3, … per person; a socket is only woken, and always reads from
its own cursor, so nothing is lost, doubled or out of order whatever the channel layer does.
"""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import msgspec
from django.db import close_old_connections
from django.db.models import Value
from django.db.models.functions import Greatest

from mobile_api.models import FeedAck
from wallet import api as wallet

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 200
# Long polls of the pump must not hold the one thread that Django shares between consumers.
_readers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="feed")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run database work in a reader thread with a healthy connection."""

    def run() -> T:
        close_old_connections()
        try:
            return work(*args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_readers, run)


def group_of(person_id: uuid.UUID) -> str:
    """The channel group of all open pages of one person."""
    return f"feed.{person_id.hex}"


def entries_after(person_id: uuid.UUID, cursor: int) -> list[dict[str, Any]]:
    """The person's next entries, ready to be sent: `seq`, `kind`, `payload` (ids only), `created_at`."""
    found = wallet.feed_since(person_id=person_id, after=cursor, limit=BATCH)
    return [
        {"seq": e.seq, "kind": e.kind, "payload": msgspec.to_builtins(e.payload), "created_at": e.created_at}
        for e in found
    ]


def acknowledge(person_id: uuid.UUID, seq: int) -> None:
    """An open page has shown everything up to `seq`. An older acknowledgement changes nothing."""
    _, created = FeedAck.objects.get_or_create(person_id=person_id, defaults={"seq": seq})
    if not created:
        FeedAck.objects.filter(person_id=person_id).update(seq=Greatest("seq", Value(seq)))


def acknowledged(person_id: uuid.UUID) -> int:
    return FeedAck.objects.filter(person_id=person_id).values_list("seq", flat=True).first() or 0
