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
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from aiohttp import web

from ledger.machine.results import Event
from ledger.node.block_store import StoredBlock
from ledger.node.event_tags import EVENT, block_events, told
from ledger.node.executor import ResultRecord, stored_results
from ledger.node.node import Node
from ledger.node.rpc_params import Params, RpcError, internal
from ledger.node.rpc_published import PUBLISHED, Told, published
from ledger.node.rpc_routes import validator_updates
from ledger.node.rpc_search import read_query
from ledger.types.block import Block, Commit
from ledger.types.event_query import Query
from ledger.types.ids import BlockID

MAX_SUBSCRIPTIONS = 5
NO_LABELS: Mapping[str, Any] = {}
Of = TypeVar("Of")
METHODS = ("subscribe", "unsubscribe", "unsubscribe_all")


@dataclass(frozen=True, slots=True)
class _Subscription:
    query: Query
    asked: str
    """The query in the subscriber's own spelling: what comes is labelled with it."""
    request_id: Any
    events: frozenset[str]
    """Which events it may match."""


class Subscriber(ABC, Generic[Of]):
    """What one WebSocket has subscribed to, and the task that feeds it; from where, its subclass knows."""

    def __init__(self, node: Of, socket: web.WebSocketResponse) -> None:
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
            self._task = asyncio.get_running_loop().create_task(self._feed(self._height()))

    def close(self) -> None:
        """Stop feeding."""
        if self._task is not None:
            self._task.cancel()

    @abstractmethod
    def _height(self) -> int:
        """The block after which what is subscribed to now begins."""

    @abstractmethod
    async def _feed(self, height: int) -> None:
        """Tell every block after `height`, for ever."""

    def _wanted(self) -> frozenset[str]:
        """The events that any subscription may match."""
        return frozenset().union(*(one.events for one in self._held.values()))

    async def _tell(self, block: Told, labels: Mapping[str, Any] = NO_LABELS) -> None:
        """Send what was subscribed to of this block, `labels` with each."""
        for event, tags, data in published(block, self._wanted()):
            for one in tuple(self._held.values()):
                if event in one.events and one.query.matches(tags):
                    result = {"query": one.asked, "data": data, "events": told(tags), **labels}
                    await self._socket.send_json({"jsonrpc": "2.0", "id": one.request_id, "result": result})


class Subscriptions(Subscriber[Node]):
    """What one WebSocket has subscribed to, fed from the block store."""

    def _height(self) -> int:
        return self._node.store.height

    async def _feed(self, height: int) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                await self._node.wait_for_block(height + 1)
                height = max(height + 1, self._node.store.base)
                stored = self._node.store.load(height)
                if stored is not None and self._held:
                    await self._tell(_Stored(self._node, stored))


class _Stored:
    """A block of our own store; what nobody subscribed to is not read."""

    def __init__(self, node: Node, stored: StoredBlock) -> None:
        self._node = node
        self._stored = stored
        self.app_hash = stored.app_hash

    @cached_property
    def block(self) -> Block:
        return Block.decode(self._stored.block)

    @cached_property
    def block_id(self) -> BlockID:
        return Commit.decode(self._stored.commit).block_id

    @cached_property
    def events(self) -> tuple[Event, ...]:
        return block_events(self._stored)

    @cached_property
    def results(self) -> tuple[ResultRecord, ...]:
        return stored_results(self._stored)

    @cached_property
    def updates(self) -> list[dict[str, Any]]:
        return validator_updates(self._node, self._stored.height)


def _events_of(query: Query) -> frozenset[str]:
    """Which published events the query may match. Raises RpcError when there is none."""
    named = query.texts(EVENT)
    for name in named:
        if name not in PUBLISHED:
            raise internal(f"tm.event must be one of {', '.join(PUBLISHED)}, got {name[:40]}")
    return frozenset(named if named else PUBLISHED)
