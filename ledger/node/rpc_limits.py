"""One client of the RPC cannot starve the others: connections, requests and bytes are bounded per address.

Rules
- Nobody holds more connections than half of those that are still free, so there is always room for one more
  address. Beyond that a connection is reset before anything is read.
- A header must be whole within `IDLE_S` of the connection, or of the answer before it; a body within `BODY_S`
  (408). Whoever does not read its answer for `UNREAD_S` is cut off.
- Each address has an allowance of calls, and each call of a batch counts; beyond it the answer is 429 with
  Retry-After. This machine's own address has none: who is here owns the node, or stands before it as a proxy
  with limits of its own.
"""

import asyncio
import socket
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from ledger.node.limits import Allowance
from ledger.node.listener import Listener

MAX_CONNECTIONS = 1_024
IDLE_S = 60.0
BODY_S = 10.0
UNREAD_S = 20.0
MAX_ADDRESSES = 4_096
OWN_ADDRESSES = ("127.0.0.1", "::1")
_RETRY_AFTER_S = 1
_PATIENT = 10**9

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RpcLimits:
    """What each address may do: `per_s` calls per second, and `at_once`."""

    def __init__(self, per_s: float, at_once: float, own: tuple[str, ...] = OWN_ADDRESSES) -> None:
        self._per_s = per_s
        self._at_once = at_once
        self._own = own
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()

    def admits(self, address: str, calls: int) -> bool:
        """Whether this address may make so many calls now."""
        if address in self._own:
            return True
        allowance = self._allowances.pop(address, None)
        if allowance is None:
            allowance = Allowance(self._per_s, self._at_once, "calls", forbearance=_PATIENT)
        self._allowances[address] = allowance
        if len(self._allowances) > MAX_ADDRESSES:
            self._allowances.popitem(last=False)
        return allowance.take(asyncio.get_running_loop().time(), calls)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """For aiohttp's application."""
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
        except TimeoutError:
            return web.json_response(_error("the body did not come in time"), status=408)
        if not self.admits(request.remote or "", calls_in(body)):
            limit = f"at most {self._per_s:g} calls per second: try again a little later"
            headers = {"Retry-After": str(_RETRY_AFTER_S)}
            return web.json_response(_error(limit), status=429, headers=headers)
        return await handler(request)


def calls_in(body: bytes) -> int:
    """How many calls a request makes, at most; at least one."""
    return max(1, body.count(b'"method"'))


def _error(data: str) -> dict[str, object]:
    error = {"code": -32000, "message": "Too many requests", "data": data}
    return {"jsonrpc": "2.0", "id": None, "error": error}


class LimitedSite(web.BaseSite):
    """Listens for an aiohttp runner and bounds the connections of each address."""

    def __init__(self, runner: web.BaseRunner, host: str, port: int, most: int = MAX_CONNECTIONS) -> None:
        super().__init__(runner)
        self._where = f"{host}:{port}"
        self._most = most
        self._listener = Listener(host, port, self._knocked)
        self._beginning: Counter[str] = Counter()
        self._open: dict[asyncio.WriteTransport, str] = {}
        self._unread: dict[asyncio.WriteTransport, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        return f"http://{self._where}"

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        await super().start()
        await self._listener.start()

    async def stop(self) -> None:
        """Accept nobody any more; the runner closes what is open."""
        await self._listener.stop()
        if self._sweeping is not None:
            self._sweeping.cancel()
        await super().stop()

    def _knocked(self, sock: socket.socket, address: str) -> bool:
        if self._is_full(address):
            self._forget_closed()
            if self._is_full(address):
                return False
        self._beginning[address] += 1
        task = asyncio.get_running_loop().create_task(self._serve(sock, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _is_full(self, address: str) -> bool:
        held = self._beginning[address] + sum(own == address for own in self._open.values())
        free = self._most - len(self._open) - self._beginning.total()
        return held >= max(1, free // 2) if free > 0 else True

    async def _serve(self, sock: socket.socket, address: str) -> None:
        server = self._runner.server
        try:
            if server is not None:
                loop = asyncio.get_running_loop()
                transport, _ = await loop.connect_accepted_socket(server, sock)  # type: ignore[arg-type]
                self._open[cast(asyncio.WriteTransport, transport)] = address
        except OSError:
            sock.close()
        finally:
            self._beginning[address] -= 1
            self._beginning += Counter()  # drops what is zero
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(UNREAD_S / 2, self._sweep)

    def _forget_closed(self) -> None:
        for transport in [one for one in self._open if one.is_closing()]:
            del self._open[transport]
            self._unread.pop(transport, None)

    def _sweep(self) -> None:
        """Cut off who has read nothing of its answer since the last time."""
        self._forget_closed()
        for transport in self._open:
            before, now = self._unread.get(transport, 0), transport.get_write_buffer_size()
            if before and now >= before:
                transport.abort()
            self._unread[transport] = now
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(UNREAD_S / 2, self._sweep) if self._open else None
