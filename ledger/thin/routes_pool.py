"""CometBFT's routes of the pool: a thin node has none, it hands on to validators what is broadcast here."""

from itertools import islice
from typing import Any

from ledger.client.errors import TxRejected
from ledger.node.executor import ResultRecord
from ledger.node.rpc_forms import result_to_json
from ledger.node.rpc_mempool import COMMIT_WAIT_S
from ledger.node.rpc_params import MAX_PER_PAGE, PER_PAGE, Params, internal
from ledger.thin import forms, outcomes, submitting
from ledger.thin.node import ThinNode
from ledger.types.ids import sha256
from ledger.types.rpc_json import base64_text, hex_text


async def broadcast_tx_sync(node: ThinNode, params: Params) -> dict[str, Any]:
    """Hand the transaction to the validators, and answer with the check's code."""
    wire = params.data("tx")
    code, log = 0, ""
    try:
        await submitting.submit(node, wire)
    except TxRejected as refused:
        code, log = refused.code, refused.reason
    return {"code": code, "data": "", "log": log, "codespace": "", "hash": hex_text(sha256(wire))}


async def broadcast_tx_async(node: ThinNode, params: Params) -> dict[str, Any]:
    """Like broadcast_tx_sync, but what the check says is not told."""
    return {**await broadcast_tx_sync(node, params), "code": 0, "log": ""}


async def broadcast_tx_commit(node: ThinNode, params: Params) -> dict[str, Any]:
    """Hand the transaction on and wait until it is proven to be in a block."""
    wire = params.data("tx")
    answer = {
        "check_tx": _result(0),
        "tx_result": _result(0),
        "hash": hex_text(sha256(wire)),
        "height": "0",
    }
    try:
        found = (await submitting.commit(node, wire, int(COMMIT_WAIT_S * 1000))).tx
    except TxRejected as refused:
        return {**answer, "check_tx": _result(refused.code, refused.reason)}
    except submitting.NotCommitted:
        raise internal("timed out waiting for tx to be included in a block") from None
    height, place = found.header.height, found.proof
    told = await outcomes.of_transactions(node, height, place.total, {place.index: wire})
    result = result_to_json(told.by_index[place.index])
    return {**answer, "tx_result": result, "height": str(height), **forms.labels(told)}


async def check_tx(node: ThinNode, params: Params) -> dict[str, Any]:
    """What a validator's pool would say to the transaction: a refusal is that of f + 1 of them."""
    try:
        await submitting.check(node, params.data("tx"))
    except TxRejected as refused:
        return _result(refused.code, refused.reason)
    return _result(0)


async def unconfirmed_txs(node: ThinNode, params: Params) -> dict[str, Any]:
    """The oldest `limit` transactions that are being handed on here: 30, at most 100."""
    limit = min(params.integer("limit") or PER_PAGE, MAX_PER_PAGE)
    txs = [base64_text(wire) for wire in islice(node.submitting.values(), limit)]
    return {**await num_unconfirmed_txs(node, params), "n_txs": str(len(txs)), "txs": txs}


async def num_unconfirmed_txs(node: ThinNode, params: Params) -> dict[str, Any]:
    """How many transactions are being handed on here; the validators' pools are not ours to vouch for."""
    count, size = str(len(node.submitting)), sum(map(len, node.submitting.values()))
    return {"n_txs": count, "total": count, "total_bytes": str(size), "txs": None}


def _result(code: int, reason: str = "") -> dict[str, Any]:
    return result_to_json(ResultRecord(code, reason, ()))


POOL_ROUTES = {
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
