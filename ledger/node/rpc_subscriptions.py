"""Event subscriptions over a WebSocket, as CometBFT's: `tm.event='NewBlock'` and `tm.event='Tx'`."""

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from ledger.node.block_store import StoredBlock
from ledger.node.executor import stored_results
from ledger.node.node import Node
from ledger.node.rpc_params import RpcError, internal
from ledger.node.rpc_routes import block_to_json, result_to_json
from ledger.types.block import Block, Commit
from ledger.types.ids import sha256
from ledger.types.rpc_json import base64_text, block_id_to_json, hex_text

MAX_SUBSCRIPTIONS = 5
_QUERIES = {"tm.event='NewBlock'": "NewBlock", "tm.event='Tx'": "Tx"}


class Subscriptions:
    """What one WebSocket has subscribed to, and the task that feeds it from the block store."""

    def __init__(self, node: Node, socket: web.WebSocketResponse) -> None:
        self._node = node
        self._socket = socket
        self._queries: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None

    def handle(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Answer a subscribe or unsubscribe; None when the request is another one."""
        method = asked.get("method")
        if method not in ("subscribe", "unsubscribe", "unsubscribe_all"):
            return None
        params = asked.get("params")
        query = str(params.get("query", "")) if isinstance(params, dict) else ""
        query = query.replace(" = ", "=").replace('"', "'").strip()
        try:
            self._change(method, query, asked.get("id"))
        except RpcError as error:
            return {"jsonrpc": "2.0", "id": asked.get("id"), "error": error.to_json()}
        return {"jsonrpc": "2.0", "id": asked.get("id"), "result": {}}

    def _change(self, method: str, query: str, request_id: Any) -> None:
        if method == "unsubscribe_all":
            self._queries.clear()
        elif query not in _QUERIES:
            raise internal(f"failed to parse query: expected one of {', '.join(_QUERIES)}")
        elif method == "unsubscribe":
            if self._queries.pop(query, None) is None:
                raise internal("subscription not found")
        else:
            self._subscribe(query, request_id)

    def _subscribe(self, query: str, request_id: Any) -> None:
        if len(self._queries) >= MAX_SUBSCRIPTIONS:
            raise internal(f"at most {MAX_SUBSCRIPTIONS} subscriptions per connection")
        self._queries[query] = request_id
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._feed(self._node.store.height))

    def close(self) -> None:
        """Stop feeding."""
        if self._task is not None:
            self._task.cancel()

    async def _feed(self, height: int) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                await self._node.wait_for_block(height + 1)
                height += 1
                stored = self._node.store.load(height)
                if stored is not None:
                    await self._send_block(stored)

    async def _send_block(self, stored: StoredBlock) -> None:
        for query, request_id in tuple(self._queries.items()):
            events = _new_block(stored) if _QUERIES[query] == "NewBlock" else _txs(stored)
            for data, tags in events:
                result = {"query": query, "data": data, "events": tags}
                await self._socket.send_json({"jsonrpc": "2.0", "id": request_id, "result": result})


def _new_block(stored: StoredBlock) -> list[tuple[dict[str, Any], dict[str, list[str]]]]:
    value = {
        "block": block_to_json(Block.decode(stored.block)),
        "block_id": block_id_to_json(Commit.decode(stored.commit).block_id),
        "result_finalize_block": {"app_hash": base64_text(stored.app_hash)},
    }
    return [({"type": "tendermint/event/NewBlock", "value": value}, {"tm.event": ["NewBlock"]})]


def _txs(stored: StoredBlock) -> list[tuple[dict[str, Any], dict[str, list[str]]]]:
    found = []
    for index, (wire, result) in enumerate(zip(stored.txs, stored_results(stored), strict=True)):
        value = {
            "TxResult": {
                "height": str(stored.height),
                "index": index,
                "tx": base64_text(wire),
                "result": result_to_json(result),
            }
        }
        tags = {
            "tm.event": ["Tx"],
            "tx.hash": [hex_text(sha256(wire))],
            "tx.height": [str(stored.height)],
        }
        found.append(({"type": "tendermint/event/Tx", "value": value}, tags))
    return found
