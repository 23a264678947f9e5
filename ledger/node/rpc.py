"""The RPC server: JSON-RPC over POST /, the same as GET /<route>?…, a WebSocket to subscribe, GET /metrics.

It listens on loopback unless the configuration says otherwise. Errors are JSON-RPC errors; a fault of ours is
logged and answered without its details.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from ledger.node.log import log
from ledger.node.mempool import BUSY
from ledger.node.readings import CONTENT_TYPE, exposition
from ledger.node.rpc_consortium import CONSORTIUM_ROUTES
from ledger.node.rpc_limits import IDLE_S, LimitedSite, RpcLimits
from ledger.node.rpc_mempool import MEMPOOL_ROUTES, broadcast_all, broadcasts_of, is_turned_away
from ledger.node.rpc_params import Params, RpcError, invalid
from ledger.node.rpc_proven import PROVEN_ROUTES
from ledger.node.rpc_routes import ROUTES
from ledger.node.rpc_search import SEARCH_ROUTES
from ledger.node.rpc_subscriptions import Subscriptions

MAX_BODY = 1024 * 1024
MAX_BATCH = 100
STAND_ASIDE_AFTER = 20
RETRY_AFTER_S = 1
_FULL = f"{BUSY}|busy: the pool is full and nothing of this batch was looked at, send it again shortly"
_ALL: Mapping[str, Callable[[Any, Params], Awaitable[Any]]] = {
    **ROUTES,
    **MEMPOOL_ROUTES,
    **SEARCH_ROUTES,
    **PROVEN_ROUTES,
    **CONSORTIUM_ROUTES,
}


def _is_busy(answer: Mapping[str, Any]) -> bool:
    """Whether the pool was too full to take the transaction that was sent."""
    if "error" in answer:
        return str(answer["error"].get("data", "")).startswith(f"{BUSY}|")
    result = answer.get("result")
    if not isinstance(result, dict):
        return False
    check = result.get("check_tx", result)
    return isinstance(check, dict) and check.get("code") == BUSY


def _too_many(answer: dict[str, Any]) -> web.Response:
    """The answer as HTTP 429: nothing is wrong with the transaction, send it again a little later."""
    response = _json(answer, 429)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _json(answer: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")


def _refused(error: RpcError) -> dict[str, Any]:
    """The answer to what is no request."""
    return {"jsonrpc": "2.0", "id": None, "error": error.to_json()}


class Rpc:
    """Serves one node: a `Node`, or whatever else `routes` and `subscriptions` are for.

    It listens where `node.config.rpc_host` and `rpc_port` say; `max_batch` bounds the calls in one request.
    """

    def __init__(
        self,
        node: Any,
        routes: Mapping[str, Callable[[Any, Params], Awaitable[Any]]] = _ALL,
        subscriptions: Callable[[Any, web.WebSocketResponse], Any] = Subscriptions,
        middlewares: Sequence[Any] = (),
        max_batch: int = MAX_BATCH,
        metrics: Callable[[Any], bytes] = exposition,
    ) -> None:
        self._node = node
        self._routes = routes
        self._subscriptions = subscriptions
        self._max_batch = max_batch
        self._exposition = metrics
        self._limits = RpcLimits(node.config.rpc_calls_per_s, 2 * node.config.rpc_calls_per_s)
        application = web.Application(
            client_max_size=MAX_BODY, middlewares=[self._limits.middleware, *middlewares]
        )
        application.router.add_post("/", self._post)
        application.router.add_get("/", self._index)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/websocket", self._websocket)
        application.router.add_get("/{route}", self._get)
        self._runner = web.AppRunner(
            application, access_log=None, keepalive_timeout=IDLE_S, shutdown_timeout=0.2
        )

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        await self._runner.setup()
        site = LimitedSite(self._runner, self._node.config.rpc_host, self._node.config.rpc_port)
        await site.start()

    async def stop(self) -> None:
        """Close every connection."""
        await self._runner.cleanup()

    async def _index(self, request: web.Request) -> web.Response:
        return _json({"routes": sorted(self._routes)})

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._exposition(self._node), headers={"Content-Type": CONTENT_TYPE})

    async def _get(self, request: web.Request) -> web.Response:
        answer = await self._call(request.match_info["route"], Params(dict(request.query), from_uri=True))
        if _is_busy(answer):
            return _too_many({"jsonrpc": "2.0", "id": -1, **answer})
        return _json({"jsonrpc": "2.0", "id": -1, **answer}, 500 if "error" in answer else 200)

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
            if self._routes is _ALL and is_turned_away(self._node, body):
                return _too_many(_refused(RpcError(-32000, "Too many requests", _FULL)))
            if self._routes is _ALL and 1 <= len(calls := broadcasts_of(body)) <= self._max_batch:
                return web.Response(
                    body=await broadcast_all(self._node, calls), content_type="application/json"
                )
            asked = msgspec.json.decode(body)
        except (ValueError, RecursionError):
            return _json(_refused(RpcError(-32700, "Parse error", "the body is not JSON")), 500)
        if isinstance(asked, list):
            return await self._batch(asked)
        answer = await self._answer(asked)
        return _too_many(answer) if _is_busy(answer) else _json(answer)

    async def _batch(self, asked: list[Any]) -> web.Response:
        """The answers in the order of the requests; each says for itself whether it failed."""
        most = self._max_batch
        if not 1 <= len(asked) <= most:
            error = RpcError(-32600, "Invalid Request", f"a batch holds 1 to {most}, this one {len(asked)}")
            return _json(_refused(error), 400)
        return _json([await self._answer_in_turn(*one) for one in enumerate(asked)])

    async def _answer_in_turn(self, place: int, asked: Any) -> dict[str, Any]:
        """One answer of a batch, which stands aside for consensus every so often."""
        if place % STAND_ASIDE_AFTER == 0:
            await asyncio.sleep(0)
        return await self._answer(asked)

    async def _answer(self, asked: Any) -> dict[str, Any]:
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return _refused(RpcError(-32600, "Invalid Request", "expected an object with a method"))
        params = asked.get("params") or {}
        if not isinstance(params, dict):
            failed = invalid("params must be an object").to_json()
            return {"jsonrpc": "2.0", "id": asked.get("id"), "error": failed}
        answer = await self._call(asked["method"], Params(params, from_uri=False))
        return {"jsonrpc": "2.0", "id": asked.get("id"), **answer}

    async def _call(self, name: str, params: Params) -> dict[str, Any]:
        route = self._routes.get(name)
        if route is None:
            return {"error": RpcError(-32601, "Method not found", name[:64]).to_json()}
        try:
            return {"result": await route(self._node, params)}
        except RpcError as error:
            return {"error": error.to_json()}
        except asyncio.CancelledError:
            raise
        except Exception as error:  # the last line of defence: a caller gets no traceback of ours
            log("rpc_failed", route=name, error=type(error).__name__, why=str(error)[:200])
            return {"error": RpcError(-32603, "Internal error", "see the node's log").to_json()}

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=30, max_msg_size=MAX_BODY)
        await socket.prepare(request)
        subscriptions = self._subscriptions(self._node, socket)
        try:
            async for message in socket:
                if not self._limits.admits(request.remote or "", 1):
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many calls")
                elif message.type is WSMsgType.TEXT:
                    await self._on_socket_text(socket, subscriptions, message.data)
        finally:
            subscriptions.close()
        return socket

    async def _on_socket_text(self, socket: web.WebSocketResponse, subscriptions: Any, text: str) -> None:
        try:
            asked = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            asked = None
        answer = subscriptions.handle(asked) if isinstance(asked, dict) else None
        await socket.send_json(answer if answer is not None else await self._answer(asked))
