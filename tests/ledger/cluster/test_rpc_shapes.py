"""Answers have the shapes that CometBFT v0.38's clients expect: its published ones are the pattern."""

import asyncio
import base64
import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from ledger.api import ProofInvalid
from ledger.client.verify import Trust
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.genesis import Genesis
from ledger.types.ids import NIL
from ledger.types.rpc_json import commit_from_json, header_from_json
from ledger.types.vote import Vote, VoteType
from tests.ledger.cluster.network import Network, Person

OURS_DIFFER = {"proofOps", "last_commit", "txs_results", "data", "events", "value", "app_hash", "log"}
"""Fields whose content depends on the application or on whether there is one."""


def shape_faults(pattern: Any, ours: Any, at: str = "") -> list[str]:
    """Where `ours` lacks a field of `pattern` or has another JSON type there.

    A validator that did not vote in time (`block_id_flag` 1) has a null signature: it is no pattern's equal.
    """
    if isinstance(pattern, dict):
        if not isinstance(ours, dict):
            return [f"{at}: object expected"]
        missing = [f"{at}/{key}: missing" for key in pattern if key not in ours]
        inside = [
            fault
            for key in pattern.keys() & ours.keys() - OURS_DIFFER
            for fault in shape_faults(pattern[key], ours[key], f"{at}/{key}")
        ]
        return missing + inside
    if isinstance(pattern, list):
        if not isinstance(ours, list):
            return [f"{at}: array expected"]
        ours = [item for item in ours if not (isinstance(item, dict) and item.get("block_id_flag") == 1)]
        return shape_faults(pattern[0], ours[0], f"{at}/0") if pattern and ours else []
    if pattern is None or type(pattern) is type(ours):
        return []
    return [f"{at}: {type(pattern).__name__} expected, got {type(ours).__name__}"]


@pytest.fixture(scope="module")
def door(doors: list[str]) -> str:
    """A validator, or a thin node."""
    return doors[-1]


@pytest.fixture(scope="module")
def wire(network: Network, doors: list[str]) -> bytes:
    made = Person(f"{len(doors)} Li Mei").registers()
    network.client().commit(made)
    return made


def call(door: str, method: str, **params: Any) -> dict[str, Any]:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = httpx.post(door, json=request, timeout=15, trust_env=False).json()
    assert "error" not in answer, answer
    result: dict[str, Any] = answer["result"]
    return result


def get(door: str, route: str) -> Any:
    return httpx.get(f"{door}/{route}", timeout=15, trust_env=False).json()["result"]


def test_answers_have_the_published_shapes(door: str, shared_data: Path, wire: bytes) -> None:
    incoming = shared_data / "vectors" / "cometbft-rpc-v0.38" / "incoming"
    tx = base64.b64encode(wire).decode()
    fresh = base64.b64encode(Person(f"{door} Amina Diallo").registers()).decode()
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "status": ("status", {}),
        "abci_info": ("abci_info", {}),
        "abci_query_with_existing_key": ("abci_query", {"data": b"did/x".hex()}),
        "block_at_height_1": ("block", {"height": "1"}),
        "block_results_at_height_10": ("block_results", {"height": "2"}),
        "blockchain_from_1_to_10": ("blockchain", {"minHeight": "1", "maxHeight": "10"}),
        "commit_at_height_10": ("commit", {"height": "2"}),
        "genesis": ("genesis", {}),
        "net_info": ("net_info", {}),
        "broadcast_tx_sync": ("broadcast_tx_sync", {"tx": tx}),
        "broadcast_tx_async": ("broadcast_tx_async", {"tx": tx}),
        "broadcast_tx_commit": ("broadcast_tx_commit", {"tx": fresh}),
    }
    for name, (method, params) in asked.items():
        pattern = json.loads((incoming / f"{name}.json").read_text())["result"]
        assert shape_faults(pattern, call(door, method, **params)) == [], name
    pattern = json.loads((incoming / "tx_search_with_prove.json").read_text())["result"]["txs"][0]
    found = call(door, "tx", hash=base64.b64encode(hashlib.sha256(wire).digest()).decode(), prove=True)
    assert shape_faults(pattern, found) == []


def test_served_header_hashes_to_the_hash_its_commit_names(door: str, wire: bytes) -> None:
    signed = call(door, "commit", height="2")["signed_header"]
    commit = commit_from_json(signed["commit"])
    assert header_from_json(signed["header"]).hash == commit.block_id.hash
    by_hash = call(door, "block_by_hash", hash=base64.b64encode(commit.block_id.hash).decode())
    assert by_hash["block"]["header"]["height"] == "2"


def test_uri_and_json_say_the_same(door: str, wire: bytes) -> None:
    digest = hashlib.sha256(wire).digest()
    by_uri = get(door, f"tx?hash=0x{digest.hex()}&prove=true")
    assert by_uri == call(door, "tx", hash=base64.b64encode(digest).decode(), prove=True)
    assert get(door, "block?height=2") == call(door, "block", height="2")


async def test_subscribers_hear_of_blocks_and_transactions(network: Network, door: str) -> None:
    client = network.client()
    wire = Person(f"{door} subscribed").registers()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(door + "/websocket") as socket,
    ):
        for number, event in enumerate(("NewBlock", "Tx")):
            query = {"query": f"tm.event='{event}'"}
            await socket.send_json({"jsonrpc": "2.0", "id": number, "method": "subscribe", "params": query})
            assert (await socket.receive_json(timeout=5))["result"] == {}
        await socket.send_json({"id": 9, "method": "subscribe", "params": {"query": "malformed query"}})
        assert (await socket.receive_json(timeout=5))["error"]["code"] == -32603
        await asyncio.to_thread(client.commit, wire)
        heard = [await socket.receive_json(timeout=5) for _ in range(2)]
    kinds = {message["result"]["data"]["type"]: message for message in heard}
    block = kinds["tendermint/event/NewBlock"]["result"]["data"]["value"]["block"]
    assert block["data"]["txs"] == [base64.b64encode(wire).decode()]
    tx = kinds["tendermint/event/Tx"]
    assert tx["id"] == 1
    assert tx["result"]["events"]["tx.hash"] == [hashlib.sha256(wire).hexdigest().upper()]
    client.close()


def invented_evidence() -> str:
    """Well formed, and in no block."""
    vote = Vote(VoteType.PREVOTE, 1, 0, NIL, 1, bytes(20), 0, bytes(64))
    return base64.b64encode(DuplicateVoteEvidence(vote, vote, 40, 10, 1).encode()).decode()


def test_answers_that_were_tampered_with_never_pass(network: Network, door: str, wire: bytes) -> None:
    """A lying validator is caught by every check the client makes."""
    trust = Trust(Genesis.from_json(network.genesis))
    digest = base64.b64encode(hashlib.sha256(wire).digest()).decode()
    bundle = call(door, "proof_bundle", hash=digest)
    assert trust.committed_tx(bundle, wire).tx_hash == hashlib.sha256(wire).hexdigest().upper()

    def lies() -> dict[str, dict[str, Any]]:
        made = {
            name: copy.deepcopy(bundle) for name in ("tx", "header", "signer", "missing", "swapped", "index")
        }
        made["tx"]["tx"] = base64.b64encode(wire + b" ").decode()
        made["header"]["signed_header"]["header"]["app_hash"] = "00" * 32
        slots = made["signer"]["signed_header"]["commit"]["signatures"]
        slots[0]["signature"] = slots[1]["signature"]
        absent = {
            "block_id_flag": 1,
            "validator_address": "",
            "timestamp": "0001-01-01T00:00:00Z",
            "signature": None,
        }
        made["missing"]["signed_header"]["commit"]["signatures"][:2] = [absent, absent]
        made["swapped"]["signed_header"]["commit"]["signatures"].reverse()
        made["index"]["proof"]["index"] = "1"
        return made

    for lie in lies().values():
        with pytest.raises(ProofInvalid):
            trust.committed_tx(lie, wire)
    answer = call(door, "query_proven", key="did/nobody", min_height=0)
    assert trust.value(answer, b"did/nobody", 0).value is None
    with pytest.raises(ProofInvalid):
        trust.value(answer, b"did/" + json.loads(wire)["body"]["did"].encode(), 0)
    with pytest.raises(ProofInvalid):
        trust.value(answer, b"did/nobody", 10**6)
    blocks = call(door, "chain_range", **{"from": 1, "to": 3, "full": True})
    assert len(trust.blocks(blocks, 1, full=True).blocks) == 3
    gap = {**blocks, "headers": blocks["headers"][::2], "txs": blocks["txs"][::2]}
    emptied = {**blocks, "txs": [[] for _ in blocks["txs"]]}
    for lie in (gap, emptied):
        with pytest.raises(ProofInvalid):
            trust.blocks(lie, 1, full=True)
    with pytest.raises(ProofInvalid):
        trust.blocks(blocks, 2, full=True)
    signed = call(door, "chain_range", **{"from": 1, "to": 3, "full": False, "signed": True})
    assert [block.last_commit.height for block in trust.blocks(signed, 1, full=False).blocks] == [0, 1, 2]
    moved = {**signed, "last_commits": signed["last_commits"][::-1]}
    absent = {**signed, "last_commits": signed["last_commits"][:2]}
    accused = {**signed, "evidence": [[], [], [invented_evidence()]]}
    for lie in (moved, absent, accused):
        with pytest.raises(ProofInvalid):
            trust.blocks(lie, 1, full=False)
