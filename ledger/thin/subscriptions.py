"""Event subscriptions over a WebSocket: blocks, headers and transactions, verified before they go out.

Rules
- `tm.event='NewBlock'`, `'NewBlockHeader'` and `'Tx'`, as a full node's; no result's events or log.
- Heights come in order and none is left out while the socket is open.
- When a block cannot be verified the socket waits; when the node halts it is closed.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from ledger.client.errors import LedgerError
from ledger.light.verdict import LightBlock
from ledger.node.rpc_params import RpcError, internal
from ledger.thin import forms, reading
from ledger.thin.errors import Busy, Halted, TooLarge
from ledger.thin.node import ThinNode
from ledger.types.block import Block
from ledger.types.ids import sha256
from ledger.types.rpc_json import base64_text, header_to_json, hex_text

MAX_SUBSCRIPTIONS = 5
RETRY_S = 0.5
METHODS = ("subscribe", "unsubscribe", "unsubscribe_all")
EVENTS = ("NewBlock", "NewBlockHeader", "Tx")
_QUERIES = {f"tm.event='{event}'": event for event in EVENTS}


class Subscriptions:
    """What one WebSocket has subscribed to, and the task that feeds it."""

    def __init__(self, node: ThinNode, socket: web.WebSocketResponse) -> None:
        self._node = node
        self._socket = socket
        self._queries: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None

    def handle(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Answer a subscribe or unsubscribe; None when the request is another one."""
        method, params = asked.get("method"), asked.get("params")
        if method not in METHODS:
            return None
        query = str(params.get("query", "")) if isinstance(params, dict) else ""
        query = query.replace(" = ", "=").replace('"', "'").strip()
        try:
            self._change(str(method), query, asked.get("id"))
        except RpcError as error:
            return {"jsonrpc": "2.0", "id": asked.get("id"), "error": error.to_json()}
        return {"jsonrpc": "2.0", "id": asked.get("id"), "result": {}}

    def close(self) -> None:
        """Stop feeding."""
        if self._task is not None:
            self._task.cancel()

    def _change(self, method: str, query: str, request_id: Any) -> None:
        if method == "unsubscribe_all":
            self._queries.clear()
        elif query not in _QUERIES:
            raise internal(f"failed to parse query: expected one of {', '.join(_QUERIES)}")
        elif method == "unsubscribe":
            if self._queries.pop(query, None) is None:
                raise internal("subscription not found")
        elif len(self._queries) >= MAX_SUBSCRIPTIONS:
            raise internal(f"at most {MAX_SUBSCRIPTIONS} subscriptions per connection")
        else:
            self._queries[query] = request_id
            if self._task is None:
                self._task = asyncio.ensure_future(self._feed(self._node.headers.height))

    async def _feed(self, height: int) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            try:
                while True:
                    await self._node.headers.wait_above(height)
                    height += 1
                    await self._tell(height)
            except Halted:
                await self._socket.close()

    async def _tell(self, height: int) -> None:
        """Send what was subscribed to of this block, once it is verified."""
        while self._queries:
            try:
                async with self._node.memory.own_work():
                    for query, data, tags in await self._events(height):
                        if (request_id := self._queries.get(query)) is not None or query in self._queries:
                            result = {"query": query, "data": data, "events": tags}
                            await self._socket.send_json(
                                {"jsonrpc": "2.0", "id": request_id, "result": result}
                            )
                return
            except (LedgerError, Busy, TooLarge):
                await asyncio.sleep(RETRY_S)

    async def _events(self, height: int) -> list[tuple[str, dict[str, Any], dict[str, list[str]]]]:
        wanted = {_QUERIES[query] for query in self._queries}
        if wanted == {"NewBlockHeader"}:
            block, verified = None, await self._node.headers.block(height)
        else:
            block, verified = await reading.whole_block(self._node, height)
        codes = await reading.codes(self._node, height, len(block.txs)) if block and "Tx" in wanted else ()
        told = _told(block, verified, codes)
        return [(f"tm.event='{name}'", data, tags) for name, data, tags in told if name in wanted]


def _told(
    block: Block | None, verified: LightBlock, codes: tuple[int, ...]
) -> Iterator[tuple[str, dict[str, Any], dict[str, list[str]]]]:
    yield (
        "NewBlockHeader",
        _data("NewBlockHeader", {"header": header_to_json(verified.header)}),
        {"tm.event": ["NewBlockHeader"]},
    )
    if block is None:
        return
    yield "NewBlock", _data("NewBlock", forms.block_answer(block, verified)), {"tm.event": ["NewBlock"]}
    for index, (wire, code) in enumerate(zip(block.txs, codes, strict=False)):
        found = {
            "height": str(verified.height),
            "index": index,
            "tx": base64_text(wire),
            "result": forms.result(code),
        }
        tags = {
            "tm.event": ["Tx"],
            "tx.hash": [hex_text(sha256(wire))],
            "tx.height": [str(verified.height)],
        }
        yield "Tx", _data("Tx", {"TxResult": found}), tags


def _data(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"tendermint/event/{name}", "value": value}
