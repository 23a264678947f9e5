"""Event subscriptions over a WebSocket, as CometBFT's, in its query language.

Rules
- Published are `NewBlock`, `NewBlockHeader`, `NewBlockEvents`, `NewEvidence` and `ValidatorSetUpdates` for a
  block, `Tx` for each transaction. A query that can match only others is refused: it would wait for ever.
- A subscriber is fed from the block store, in order, from the block after the one at which it subscribed. One
  that reads slowly falls behind; it costs no memory, and others nothing.
- A query is itself whatever its spaces are: `a = 'b'` unsubscribes from `a='b'`.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ledger.node.block_store import StoredBlock
from ledger.node.event_tags import EVENT, Found, block_events, block_tags, told, tx_tags
from ledger.node.executor import ResultRecord, stored_results
from ledger.node.node import Node
from ledger.node.rpc_forms import block_to_json, event_to_json, evidence_to_json, result_to_json
from ledger.node.rpc_params import Params, RpcError, internal
from ledger.node.rpc_routes import validator_updates
from ledger.node.rpc_search import read_query
from ledger.types.block import Block, Commit
from ledger.types.event_query import Query
from ledger.types.rpc_json import base64_text, block_id_to_json, header_to_json

MAX_SUBSCRIPTIONS = 5
METHODS = ("subscribe", "unsubscribe", "unsubscribe_all")
_OF_BLOCKS = ("NewBlock", "NewBlockHeader", "NewBlockEvents", "NewEvidence", "ValidatorSetUpdates")
PUBLISHED = (*_OF_BLOCKS, "Tx")


@dataclass(frozen=True, slots=True)
class _Subscription:
    query: Query
    asked: str
    """The query in the subscriber's own spelling: what comes is labelled with it."""
    request_id: Any
    events: frozenset[str]
    """Which events it may match."""


class Subscriptions:
    """What one WebSocket has subscribed to, and the task that feeds it from the block store."""

    def __init__(self, node: Node, socket: web.WebSocketResponse) -> None:
        self._node = node
        self._socket = socket
        self._held: dict[str, _Subscription] = {}
        self._task: asyncio.Task[None] | None = None

    def handle(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Answer a subscribe or unsubscribe; None when the request is another one."""
        if asked.get("method") not in METHODS:
            return None
        answer = {"jsonrpc": "2.0", "id": asked.get("id")}
        params = asked.get("params")
        try:
            self._change(asked["method"], Params(params if isinstance(params, dict) else {}, False), asked)
        except RpcError as error:
            return {**answer, "error": error.to_json()}
        return {**answer, "result": {}}

    def _change(self, method: str, params: Params, asked: dict[str, Any]) -> None:
        if method == "unsubscribe_all":
            if not self._held:
                raise internal("subscription not found")
            self._held.clear()
            return
        query = read_query(params)
        if method == "subscribe":
            self._subscribe(_Subscription(query, params.text("query"), asked.get("id"), _events_of(query)))
        elif self._held.pop(str(query), None) is None:
            raise internal("subscription not found")

    def _subscribe(self, wanted: _Subscription) -> None:
        if str(wanted.query) in self._held:
            raise internal("already subscribed")
        if len(self._held) >= MAX_SUBSCRIPTIONS:
            raise internal(f"at most {MAX_SUBSCRIPTIONS} subscriptions per connection")
        self._held[str(wanted.query)] = wanted
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
                height = max(height + 1, self._node.store.base)
                stored = self._node.store.load(height)
                if stored is not None and self._held:
                    await self._send_block(stored)

    async def _send_block(self, stored: StoredBlock) -> None:
        wanted = frozenset().union(*(one.events for one in self._held.values()))
        for event, tags, data in _published(self._node, stored, wanted):
            for one in tuple(self._held.values()):
                if event in one.events and one.query.matches(tags):
                    result = {"query": one.asked, "data": data, "events": told(tags)}
                    await self._socket.send_json({"jsonrpc": "2.0", "id": one.request_id, "result": result})


def _events_of(query: Query) -> frozenset[str]:
    """Which published events the query may match. Raises RpcError when there is none."""
    named = query.texts(EVENT)
    for name in named:
        if name not in PUBLISHED:
            raise internal(f"tm.event must be one of {', '.join(PUBLISHED)}, got {name[:40]}")
    return frozenset(named if named else PUBLISHED)


def _published(
    node: Node, stored: StoredBlock, wanted: frozenset[str]
) -> Iterator[tuple[str, Found, dict[str, Any]]]:
    """The wanted events of a block: name, tags and data."""
    if not wanted.isdisjoint(_OF_BLOCKS):
        block = Block.decode(stored.block)
        for name in _OF_BLOCKS:
            if name in wanted:
                for value in _values(node, stored, block, name):
                    yield name, block_tags(stored, name), _data(name, value)
    if "Tx" in wanted:
        for index, (wire, result) in enumerate(zip(stored.txs, stored_results(stored), strict=True)):
            tags = tx_tags(stored.height, wire, result)
            yield "Tx", tags, _data("Tx", _tx_value(stored.height, index, wire, result))


def _values(node: Node, stored: StoredBlock, block: Block, name: str) -> Iterator[dict[str, Any]]:
    """What there is to tell of a block under this event."""
    height = str(stored.height)
    if name == "NewBlock":
        yield {
            "block": block_to_json(block),
            "block_id": block_id_to_json(Commit.decode(stored.commit).block_id),
            "result_finalize_block": {
                "events": [event_to_json(event) for event in block_events(stored)],
                "tx_results": [result_to_json(result) for result in stored_results(stored)] or None,
                "validator_updates": validator_updates(node, stored.height) or None,
                "app_hash": base64_text(stored.app_hash),
            },
        }
    elif name == "NewBlockHeader":
        yield {"header": header_to_json(block.header)}
    elif name == "NewBlockEvents":
        events = [event_to_json(event) for event in block_events(stored)]
        yield {"height": height, "events": events, "num_txs": str(len(stored.txs))}
    elif name == "NewEvidence":
        for piece in block.evidence:
            yield {"height": height, "evidence": evidence_to_json(piece)}
    elif updates := validator_updates(node, stored.height):
        yield {"validator_updates": updates}


def _tx_value(height: int, index: int, wire: bytes, result: ResultRecord) -> dict[str, Any]:
    told_as = {"height": str(height), "index": index, "tx": base64_text(wire)}
    return {"TxResult": {**told_as, "result": result_to_json(result)}}


def _data(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"tendermint/event/{name}", "value": value}
