"""The ASGI application: pages, sockets, and on a laptop the background work, started and stopped with it."""

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "salus.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()  # before any import that needs the app registry

from channels.routing import ProtocolTypeRouter
from django.conf import settings

from mobile_api.api import feed_pump, websocket_application
from wallet.api import run_background

logger = logging.getLogger("salus.asgi")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

routes = ProtocolTypeRouter({"http": django_application, "websocket": websocket_application})


class Background:
    """Outbox, projector and expiry on threads, the feed's pump on the loop, for one process's life."""

    def __init__(self) -> None:
        self._stop_threads = threading.Event()
        self._stop_pump = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        # The pump serves this process's own sockets, so it runs wherever sockets are.
        self._tasks.append(asyncio.create_task(feed_pump(self._stop_pump)))
        if settings.SALUS_BACKGROUND:
            self._tasks.append(asyncio.create_task(asyncio.to_thread(run_background, self._stop_threads)))

    async def stop(self) -> None:
        self._stop_threads.set()
        self._stop_pump.set()
        _, late = await asyncio.wait(self._tasks, timeout=5)
        for task in late:
            logger.warning("background task %s did not stop in time", task.get_name())
            task.cancel()


async def lifespan(receive: Receive, send: Send) -> None:
    background = Background()
    await receive()
    background.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await background.stop()
    await send({"type": "lifespan.shutdown.complete"})


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    else:
        await routes(scope, receive, send)
