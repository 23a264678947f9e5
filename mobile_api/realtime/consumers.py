"""The socket of one open page: hello with a cursor, missed entries, then live ones.

Client: `{"type": "hello", "cursor": N}`, `{"type": "ack", "cursor": N}`. Server: `{"type": "entries",
"entries": [...], "cursor": M}`, which also answers a hello with nothing missed (an empty list). Closing
codes: 4401 not signed in, 4403 foreign origin, 4400 malformed.
"""

import asyncio
import uuid
from typing import Any
from urllib.parse import urlsplit

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from accounts.api import Person
from mobile_api.realtime.feed import BATCH, acknowledge, entries_after, group_of, in_thread

NOT_SIGNED_IN, FOREIGN_ORIGIN, MALFORMED = 4401, 4403, 4400


def same_origin(scope: dict[str, Any]) -> bool:
    """Cookies ride on any page's socket: only a page of this very host may open one."""
    headers = dict(scope.get("headers", []))
    origin, host = headers.get(b"origin", b""), headers.get(b"host", b"")
    try:
        asking = urlsplit(origin.decode("latin-1")).netloc
    except ValueError:  # no URL at all
        return False
    return bool(host) and asking == host.decode("latin-1")


class FeedConsumer(AsyncJsonWebsocketConsumer):
    """One page of one person. `cursor` is None until the hello."""

    person_id: uuid.UUID
    cursor: int | None = None

    async def connect(self) -> None:
        self.sending = asyncio.Lock()
        user = self.scope.get("user")
        # Accept first: a refusal before it reaches the page as a bare failure without its code.
        await self.accept()
        if not same_origin(self.scope):
            await self.close(FOREIGN_ORIGIN)
        elif not isinstance(user, Person):
            await self.close(NOT_SIGNED_IN)
        else:
            self.person_id = user.id
            await self.channel_layer.group_add(group_of(user.id), self.channel_name)

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "person_id"):
            await self.channel_layer.group_discard(group_of(self.person_id), self.channel_name)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **more: Any
    ) -> None:
        try:
            await super().receive(text_data=text_data, bytes_data=bytes_data, **more)
        except ValueError:
            await self.close(MALFORMED)

    async def receive_json(self, content: Any, **more: Any) -> None:
        cursor = content.get("cursor") if isinstance(content, dict) else None
        if type(cursor) is not int or not 0 <= cursor < 2**53 or not hasattr(self, "person_id"):
            await self.close(MALFORMED)
        elif content.get("type") == "hello":
            self.cursor = cursor
            await self.send_missed(always=True)
        elif content.get("type") == "ack":
            await in_thread(acknowledge, self.person_id, cursor)
        else:
            await self.close(MALFORMED)

    async def feed_wake(self, event: dict[str, Any]) -> None:
        """The channel layer says that there is something new."""
        if self.cursor is not None and event["seq"] > self.cursor:
            await self.send_missed()

    async def send_missed(self, always: bool = False) -> None:
        """Everything after the page's cursor, in order; two wakes at once do not send an entry twice."""
        async with self.sending:
            more = True
            while more:
                assert self.cursor is not None
                entries = await in_thread(entries_after, self.person_id, self.cursor)
                more = len(entries) == BATCH
                if entries:
                    self.cursor = entries[-1]["seq"]
                if entries or always:
                    await self.send_json({"type": "entries", "entries": entries, "cursor": self.cursor})
                always = False
