"""The RPC server: JSON-RPC over POST /, the same routes as GET /<route>?…, and a WebSocket for subscriptions.

It listens on loopback unless the configuration says otherwise. Errors are JSON-RPC errors; a fault of ours is
logged and answered without its details.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from ledger.node.log import log
from ledger.node.mempool import BUSY
from ledger.node.node import Node
from ledger.node.rpc_limits import IDLE_S, LimitedSite, RpcLimits
from ledger.node.rpc_params import Params, RpcError, invalid
from ledger.node.rpc_proven import PROVEN_ROUTES
from ledger.node.rpc_routes import ROUTES
from ledger.node.rpc_subscriptions import Subscriptions

MAX_BODY = 1024 * 1024
MAX_BATCH = 100
RETRY_AFTER_S = 1
_ALL = {**ROUTES, **PROVEN_ROUTES}


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
    return web.json_response(answer, status=429, headers={"Retry-After": str(RETRY_AFTER_S)})


class Rpc:
    """Serves one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._limits = RpcLimits(node.config.rpc_calls_per_s, 2 * node.config.rpc_calls_per_s)
        application = web.Application(client_max_size=MAX_BODY, middlewares=[self._limits.middleware])
        application.router.add_post("/", self._post)
        application.router.add_get("/", self._index)
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
        return web.json_response({"routes": sorted(_ALL)})

    async def _get(self, request: web.Request) -> web.Response:
        answer = await self._call(request.match_info["route"], Params(dict(request.query), from_uri=True))
        if _is_busy(answer):
            return _too_many({"jsonrpc": "2.0", "id": -1, **answer})
        return web.json_response(
            {"jsonrpc": "2.0", "id": -1, **answer}, status=500 if "error" in answer else 200
        )

    async def _post(self, request: web.Request) -> web.Response:
        try:
            asked = json.loads(await request.text())
        except (ValueError, RecursionError):
            error = RpcError(-32700, "Parse error", "the body is not JSON").to_json()
            return web.json_response({"jsonrpc": "2.0", "id": None, "error": error}, status=500)
        if isinstance(asked, list):
            batch = [await self._answer(one) for one in asked[:MAX_BATCH]]
            return web.json_response(batch)
        answer = await self._answer(asked)
        return _too_many(answer) if _is_busy(answer) else web.json_response(answer)

    async def _answer(self, asked: Any) -> dict[str, Any]:
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            error = RpcError(-32600, "Invalid Request", "expected an object with a method").to_json()
            return {"jsonrpc": "2.0", "id": None, "error": error}
        params = asked.get("params") or {}
        if not isinstance(params, dict):
            failed = invalid("params must be an object").to_json()
            return {"jsonrpc": "2.0", "id": asked.get("id"), "error": failed}
        answer = await self._call(asked["method"], Params(params, from_uri=False))
        return {"jsonrpc": "2.0", "id": asked.get("id"), **answer}

    async def _call(self, name: str, params: Params) -> dict[str, Any]:
        route = _ALL.get(name)
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
        subscriptions = Subscriptions(self._node, socket)
        try:
            async for message in socket:
                if not self._limits.admits(request.remote or "", 1):
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many calls")
                elif message.type is WSMsgType.TEXT:
                    await self._on_socket_text(socket, subscriptions, message.data)
        finally:
            subscriptions.close()
        return socket

    async def _on_socket_text(
        self, socket: web.WebSocketResponse, subscriptions: Subscriptions, text: str
    ) -> None:
        try:
            asked = json.loads(text)
        except (ValueError, RecursionError):
            asked = None
        answer = subscriptions.handle(asked) if isinstance(asked, dict) else None
        await socket.send_json(answer if answer is not None else await self._answer(asked))
