"""What a validator may say that is not so: each lie changes an honest result."""

import base64
from typing import Any

from tests.ledger.thin.liar import Lie, Params


def _header_in(result: Any) -> dict[str, Any] | None:
    if not isinstance(result, dict):
        return None
    if "signed_header" in result:
        header: dict[str, Any] = result["signed_header"]["header"]
        return header
    block = result.get("block")
    return block["header"] if isinstance(block, dict) else None


def tampered_header(method: str, params: Params, result: Any) -> Any:
    """Another app hash under the same signatures."""
    if (header := _header_in(result)) is not None:
        header["app_hash"] = "00" * 32
    return result


def other_chain(method: str, params: Params, result: Any) -> Any:
    """Headers of another ledger."""
    if (header := _header_in(result)) is not None:
        header["chain_id"] = "another-ledger"
    return result


def unsigned(method: str, params: Params, result: Any) -> Any:
    """A commit that half of the validators did not sign."""
    if isinstance(result, dict) and "signed_header" in result:
        nobody = {"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z"}
        slots = result["signed_header"]["commit"]["signatures"]
        slots[:2] = [{**nobody, "signature": None}] * 2
    return result


def tampered_tx(method: str, params: Params, result: Any) -> Any:
    """A transaction with one byte more, wherever one is told."""
    if isinstance(result, dict) and isinstance(result.get("tx"), str):
        result["tx"] = base64.b64encode(base64.b64decode(result["tx"]) + b" ").decode()
    if isinstance(result, dict) and isinstance(result.get("block"), dict):
        txs = result["block"]["data"]["txs"]
        result["block"]["data"]["txs"] = [base64.b64encode(b"{}").decode() for _tx in txs]
    return result


def wrong_index(method: str, params: Params, result: Any) -> Any:
    """An inclusion proof for another place."""
    if method == "tx":
        result["proof"]["proof"]["index"] = "1"
    if method in ("proof_bundle", "commit_proven"):
        result["proof"]["index"] = "1"
    return result


def hidden_events(method: str, params: Params, result: Any) -> Any:
    """Blocks without their transactions, and nothing new ever."""
    if method == "chain_range":
        result["txs"] = [[] for _block in result["txs"]]
    if method == "events_since":
        result |= {"headers": [], "commit": "", "txs": []}
    return result


def shortened(method: str, params: Params, result: Any) -> Any:
    """A range with a block left out."""
    if method == "chain_range" and len(result["headers"]) > 2:
        del result["headers"][1], result["txs"][1]
    return result


def wrong_value(method: str, params: Params, result: Any) -> Any:
    """A value that was never there."""
    if method == "query_proven" and result["value"] is not None:
        result["value"] = base64.b64encode(b'{"custody":"custodial"}').decode()
    return result


class Stale:
    """Repeats the first state that was told under each key: true once, with its header and proof."""

    def __init__(self) -> None:
        self._first: dict[str, Any] = {}

    def __call__(self, method: str, params: Params, result: Any) -> Any:
        if method == "query_proven":
            return self._first.setdefault(str(params["key"]), result)
        return result


class Denying:
    """Says of everything that it is absent, with the proof of absence of something else."""

    def __init__(self, absent: dict[str, Any]) -> None:
        self._absent = absent

    def __call__(self, method: str, params: Params, result: Any) -> Any:
        if method == "query_proven" and result["value"] is not None:
            result |= {"value": None, "proof": self._absent["proof"]}
        return result


def shapeless(method: str, params: Params, result: Any) -> Any:
    """JSON, but of nothing that was asked for."""
    return {"result": [1, "two", None]} if method != "status" else result


LIES: dict[str, Lie] = {
    each.__name__: each
    for each in (
        tampered_header,
        other_chain,
        unsigned,
        tampered_tx,
        wrong_index,
        hidden_events,
        shortened,
        wrong_value,
        shapeless,
    )
}
