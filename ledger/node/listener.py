"""A listening socket whose owner decides, before anything is read, whether to keep a connection.

Rules
- One connection is accepted per turn of the loop and `ACCEPTS_PER_S` at most: a flood waits in the system's
  queue, where it costs us nothing, while those who are connected are served.
- What is not kept is reset, so that no descriptor and no memory of the system outlives it.
- Descriptors running out stops accepting for a moment, never the node.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from ledger.node.log import log

ACCEPTS_PER_S = 1_000
BACKLOG = 512
_WITHOUT_DESCRIPTORS_S = 0.2
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time."""


class Listener:
    """Listens on `host`:`port`; `take(sock, address)` returns whether it keeps the connection."""

    def __init__(self, host: str, port: int, take: Callable[[socket.socket, str], bool]) -> None:
        self._host = host
        self._port = port
        self._take = take
        self._sockets: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        try:
            for family, *_, address in dict.fromkeys(found):
                self._sockets.append(_bound(family, address))
        except OSError:
            self._close()
            raise
        self._tasks = [loop.create_task(self._accept(sock)) for sock in self._sockets]

    async def stop(self) -> None:
        """Accept nobody any more; who was taken stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._close()

    def _close(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        began_s, accepted = loop.time(), 0
        while True:
            try:
                sock, address = await loop.sock_accept(listening)
            except OSError as error:
                log("accept_failed", why=str(error))
                await asyncio.sleep(_WITHOUT_DESCRIPTORS_S)
                continue
            self._decide(sock, str(address[0]))
            accepted += 1
            if (now_s := loop.time()) - began_s > 1:
                began_s, accepted = now_s, 0
            await asyncio.sleep(0 if accepted < ACCEPTS_PER_S else began_s + 1 - now_s)

    def _decide(self, sock: socket.socket, address: str) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._take(sock, address):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.close()


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
