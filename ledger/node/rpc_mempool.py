"""CometBFT's routes of the pool: broadcasting, and what waits.

Batches of broadcast_tx_sync are how a busy gateway writes. One that holds nothing else is read and answered
as a whole, and its signatures are verified together; the answers are those that each call would get alone.
When the pool is full it is not read at all: past saturation, what refusals cost is missing for blocks.
"""

import asyncio
import hashlib
import time
from itertools import islice
from typing import Any, Literal

import msgspec

from ledger.node.errors import MempoolRefused
from ledger.node.executor import ResultRecord
from ledger.node.node import Node
from ledger.node.rpc_forms import result_to_json
from ledger.node.rpc_params import MAX_PER_PAGE, PER_PAGE, Params, internal
from ledger.node.rpc_routes import Route, tx_to_json
from ledger.types.rpc_json import base64_text, hex_text

COMMIT_WAIT_S = 10.0
CHECKED_AT_ONCE = 100
"""Transactions of a batch that are checked before others get their turn: two milliseconds."""


class _Tx(msgspec.Struct, forbid_unknown_fields=True):
    tx: bytes


class Broadcast(msgspec.Struct):
    """One call of broadcast_tx_sync in a batch; `id` is given back as it came."""

    method: Literal["broadcast_tx_sync"]
    params: _Tx
    id: msgspec.Raw = msgspec.Raw(b"null")


class _Checked(msgspec.Struct):
    code: int
    data: str
    log: str
    codespace: str
    hash: str


class _Answer(msgspec.Struct):
    jsonrpc: str
    id: msgspec.Raw
    result: _Checked


_broadcasts = msgspec.json.Decoder(list[Broadcast])
_encoder = msgspec.json.Encoder()


def is_turned_away(node: Node, body: bytes) -> bool:
    """Whether this is a batch of nothing but broadcasts, and the pool is full."""
    if not node.mempool.is_full:
        return False
    broadcasts = body.count(b'"broadcast_tx_sync"')
    return broadcasts > 1 and body.count(b'"method"') == broadcasts


def broadcasts_of(body: bytes) -> list[Broadcast]:
    """The calls of a batch of nothing but broadcast_tx_sync; none when `body` is anything else."""
    try:
        return _broadcasts.decode(body)
    except (ValueError, RecursionError):
        return []


async def broadcast_all(node: Node, calls: list[Broadcast]) -> bytes:
    """The answers, as one JSON array."""
    answers: list[_Answer] = []
    for first in range(0, len(calls), CHECKED_AT_ONCE):
        await asyncio.sleep(0)
        some = calls[first : first + CHECKED_AT_ONCE]
        checks = node.submit_all([call.params.tx for call in some])
        answers += [_answer(call, check) for call, check in zip(some, checks, strict=True)]
    return _encoder.encode(answers)


def _answer(call: Broadcast, check: bool | MempoolRefused) -> _Answer:
    code, reason = (check.code, check.reason) if isinstance(check, MempoolRefused) else (0, "")
    digest = hashlib.sha256(call.params.tx).hexdigest().upper()
    return _Answer("2.0", call.id, _Checked(code, "", reason, "", digest))


async def broadcast_tx_sync(node: Node, params: Params) -> dict[str, Any]:
    """Check the transaction, put it into the pool, and answer with the check's code."""
    wire = params.data("tx")
    code, reason = _submit(node, wire)
    return {
        "code": code,
        "data": "",
        "log": reason,
        "codespace": "",
        "hash": hex_text(hashlib.sha256(wire).digest()),
    }


async def broadcast_tx_async(node: Node, params: Params) -> dict[str, Any]:
    """Like broadcast_tx_sync, but what the check says is not told."""
    return {**await broadcast_tx_sync(node, params), "code": 0, "log": ""}


async def broadcast_tx_commit(node: Node, params: Params) -> dict[str, Any]:
    """Put the transaction into the pool and wait until a block holds it."""
    wire = params.data("tx")
    code, reason = _submit(node, wire)
    tx_hash = hashlib.sha256(wire).digest()
    answer = {
        "check_tx": result_to_json(ResultRecord(code, reason, ())),
        "tx_result": result_to_json(ResultRecord(0, "", ())),
        "hash": hex_text(tx_hash),
        "height": "0",
    }
    if code:
        return answer
    try:
        async with asyncio.timeout(COMMIT_WAIT_S):
            await node.wait_for_tx(tx_hash)
    except TimeoutError:
        raise internal("timed out waiting for tx to be included in a block") from None
    except MempoolRefused as refused:
        return {**answer, "check_tx": result_to_json(ResultRecord(refused.code, refused.reason, ()))}
    found = tx_to_json(node, tx_hash, prove=False)
    return {**answer, "tx_result": found["tx_result"], "height": found["height"]}


def _submit(node: Node, wire: bytes) -> tuple[int, str]:
    try:
        node.submit(wire)
    except MempoolRefused as refused:
        return refused.code, refused.reason
    return 0, ""


async def check_tx(node: Node, params: Params) -> dict[str, Any]:
    """What the pool would say to the transaction, without taking it in."""
    checked = node.executor.app.check_tx(params.data("tx"), time.time_ns() // 1_000_000)
    reason = "" if checked.ok else f"{checked.code.name}: {checked.reason}"
    return result_to_json(ResultRecord(int(checked.code), reason, ()))


async def unconfirmed_txs(node: Node, params: Params) -> dict[str, Any]:
    """The oldest `limit` transactions that wait: 30, at most 100."""
    limit = min(params.integer("limit") or PER_PAGE, MAX_PER_PAGE)
    txs = [base64_text(wire) for wire in islice(node.mempool, limit)]
    return {**await num_unconfirmed_txs(node, params), "n_txs": str(len(txs)), "txs": txs}


async def num_unconfirmed_txs(node: Node, params: Params) -> dict[str, Any]:
    """How many transactions wait."""
    count = str(len(node.mempool))
    return {"n_txs": count, "total": count, "total_bytes": str(node.mempool.bytes), "txs": None}


MEMPOOL_ROUTES: dict[str, Route] = {
    route.__name__: route
    for route in (
        broadcast_tx_sync,
        broadcast_tx_async,
        broadcast_tx_commit,
        check_tx,
        unconfirmed_txs,
        num_unconfirmed_txs,
    )
}
