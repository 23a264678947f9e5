"""What subscribers are told of a block, in CometBFT v0.38's JSON. Pure, and the same for every node."""

from collections.abc import Iterator, Set
from typing import Any, Protocol

from ledger.machine.results import Event
from ledger.node.event_tags import Found, about_block, tx_tags
from ledger.node.executor import ResultRecord
from ledger.node.rpc_forms import block_to_json, event_to_json, evidence_to_json, result_to_json
from ledger.types.block import Block
from ledger.types.ids import BlockID
from ledger.types.rpc_json import base64_text, block_id_to_json, header_to_json

OF_BLOCKS = ("NewBlock", "NewBlockHeader", "NewBlockEvents", "NewEvidence", "ValidatorSetUpdates")
PUBLISHED = (*OF_BLOCKS, "Tx")


class Told(Protocol):
    """A block and what it came to. `updates` is the JSON of whose power it changes."""

    @property
    def block(self) -> Block: ...
    @property
    def block_id(self) -> BlockID: ...
    @property
    def events(self) -> tuple[Event, ...]: ...
    @property
    def results(self) -> tuple[ResultRecord, ...]: ...
    @property
    def updates(self) -> list[dict[str, Any]]: ...
    @property
    def app_hash(self) -> bytes: ...


def published(told: Told, wanted: Set[str]) -> Iterator[tuple[str, Found, dict[str, Any]]]:
    """The wanted events of a block: name, tags and data."""
    height = told.block.header.height
    for name in OF_BLOCKS:
        if name in wanted:
            for value in _values(told, name):
                yield name, about_block(height, told.events, name), _data(name, value)
    if "Tx" in wanted:
        for index, (wire, result) in enumerate(zip(told.block.txs, told.results, strict=True)):
            value = {"TxResult": _tx_result(height, index, wire, result)}
            yield "Tx", tx_tags(height, wire, result), _data("Tx", value)


def _values(told: Told, name: str) -> Iterator[dict[str, Any]]:
    """What there is to tell of a block under this event."""
    block, height = told.block, str(told.block.header.height)
    events = [event_to_json(event) for event in told.events]
    if name == "NewBlock":
        yield {
            "block": block_to_json(block),
            "block_id": block_id_to_json(told.block_id),
            "result_finalize_block": {
                "events": events,
                "tx_results": [result_to_json(result) for result in told.results] or None,
                "validator_updates": told.updates or None,
                "app_hash": base64_text(told.app_hash),
            },
        }
    elif name == "NewBlockHeader":
        yield {"header": header_to_json(block.header)}
    elif name == "NewBlockEvents":
        yield {"height": height, "events": events, "num_txs": str(len(block.txs))}
    elif name == "NewEvidence":
        for piece in block.evidence:
            yield {"height": height, "evidence": evidence_to_json(piece)}
    elif told.updates:
        yield {"validator_updates": told.updates}


def _tx_result(height: int, index: int, wire: bytes, result: ResultRecord) -> dict[str, Any]:
    told_as = {"height": str(height), "index": index, "tx": base64_text(wire)}
    return {**told_as, "result": result_to_json(result)}


def _data(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"tendermint/event/{name}", "value": value}
