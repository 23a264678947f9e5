"""The thin node's RPC: the full node's server over verified routes, with bounds and errors of its own.

Rules
- More requests than the memory is for are answered 429 at once; nothing was done then.
- A request's room is given back only when its answer is written out. Who does not read is cut off.
- Nothing to answer with is an error that says why and what to do, never a guess.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

from aiohttp import web

from ledger.client.errors import LedgerUnavailable, NotFound, ProofInvalid, TxRejected
from ledger.light.errors import LightClientError
from ledger.node.mempool import BUSY
from ledger.node.rpc import RETRY_AFTER_S, Rpc
from ledger.node.rpc_params import Params, RpcError, internal
from ledger.node.rpc_proven import REJECTED
from ledger.thin.errors import Busy, Halted, TooLarge, Undecided
from ledger.thin.metrics import exposition
from ledger.thin.node import ThinNode
from ledger.thin.routes import ROUTES
from ledger.thin.routes_consortium import CONSORTIUM_ROUTES
from ledger.thin.routes_pool import POOL_ROUTES
from ledger.thin.routes_proven import PROVEN_ROUTES
from ledger.thin.routes_search import SEARCH_ROUTES
from ledger.thin.subscriptions import Subscriptions

UNAVAILABLE, HALTED = -32003, -32004
MAX_SOCKETS = 16
MAX_BATCH = 20
WRITE_S = 30.0

Route = Callable[[ThinNode, Params], Awaitable[Any]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


_ALL: Mapping[str, Route] = {
    **ROUTES,
    **POOL_ROUTES,
    **SEARCH_ROUTES,
    **PROVEN_ROUTES,
    **CONSORTIUM_ROUTES,
}


def make_rpc(node: ThinNode) -> Rpc:
    """The server of `node`, not yet listening."""
    told = {name: _telling(route) for name, route in _ALL.items()}
    return Rpc(
        node, told, Subscriptions, middlewares=[_bounded(node)], max_batch=MAX_BATCH, metrics=exposition
    )


def _telling(route: Route) -> Route:
    """Say in JSON-RPC what went wrong, in the words and codes of a full node where it has them."""

    @wraps(route)
    async def told(node: ThinNode, params: Params) -> Any:
        try:
            return await route(node, params)
        except Halted as error:
            raise RpcError(HALTED, "Halted", str(error)) from error
        except TxRejected as refused:
            data = f"{refused.code}|{int(refused.permanent)}|{refused.reason}"
            raise RpcError(REJECTED, "Transaction rejected", data) from refused
        except NotFound as error:
            raise internal(str(error)) from error
        except Busy as error:
            raise RpcError(UNAVAILABLE, "Busy", _busy_words(error)) from error
        except TooLarge as error:
            raise RpcError(UNAVAILABLE, "Too large", f"{error}: ask for less, or ask a validator") from error
        except (LedgerUnavailable, Undecided, ProofInvalid, LightClientError) as error:
            raise RpcError(UNAVAILABLE, "Service unavailable", str(error)) from error

    return told


def _bounded(node: ThinNode) -> Any:
    sockets = asyncio.Semaphore(MAX_SOCKETS)

    @web.middleware
    async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/websocket":
            return await _socket(request, handler, sockets)
        try:
            async with node.memory.request():
                response = await handler(request)
                await _write_out(request, response)
                return response
        except Busy as busy:
            return _too_many(busy)

    return bounded


async def _socket(request: web.Request, handler: Handler, sockets: asyncio.Semaphore) -> web.StreamResponse:
    if sockets.locked():
        return _too_many(Busy("too many sockets at once"))
    async with sockets:
        return await handler(request)


async def _write_out(request: web.Request, response: web.StreamResponse) -> None:
    with contextlib.suppress(ConnectionError):
        try:
            async with asyncio.timeout(WRITE_S):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()


def _busy_words(busy: Busy) -> str:
    """In the form by which the server knows that it has to answer 429."""
    return f"{BUSY}|0|busy: {busy}, try again shortly"


def _too_many(busy: Busy) -> web.Response:
    error = RpcError(UNAVAILABLE, "Busy", _busy_words(busy)).to_json()
    answer = {"jsonrpc": "2.0", "id": None, "error": error}
    return web.json_response(answer, status=429, headers={"Retry-After": str(RETRY_AFTER_S)})
