"""A full pool says so over HTTP, in a way that clients of any kind understand."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ledger.api import LedgerClient, TxRejected
from ledger.node.devnet import DevnetNode, init_devnet
from ledger.node.home import Home
from ledger.node.mempool import BUSY
from ledger.node.node import Node
from ledger.node.rpc import Rpc
from tests.free_ports import free_ports
from tests.ledger.cluster.network import APP_STATE, CHAIN_ID, Person


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[DevnetNode]:
    """A node whose pool holds two transactions, and is full; it makes no blocks."""
    names = ["riverside", "north-lake", "hillside", "health-authority"]
    made, *_ = init_devnet(tmp_path / "net", names, APP_STATE, CHAIN_ID, free_ports(40), {"mempool_txs": 2})
    node = Node(Home(made.home))
    rpc = Rpc(node)
    await rpc.start()
    for name in ("Li Mei", "Amina Diallo"):
        node.submit(Person(name).registers())
    yield made
    await rpc.stop()
    await node.stop()


@pytest.mark.parametrize("route", ["submit", "commit_proven", "broadcast_tx_sync", "broadcast_tx_commit"])
async def test_full_pool_answers_429_and_when_to_try_again(full: DevnetNode, route: str) -> None:
    params = {"tx": base64.b64encode(Person("Mallory").registers()).decode()}
    async with httpx.AsyncClient(trust_env=False) as client:
        request = {"jsonrpc": "2.0", "id": 7, "method": route, "params": params}
        answer = await client.post(full.rpc, json=request)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["id"] == 7
    assert str(BUSY) in answer.text


async def test_a_batch_of_broadcasts_is_turned_away_whole_and_any_other_batch_is_read(
    full: DevnetNode,
) -> None:
    def call(number: int, method: str = "broadcast_tx_sync") -> dict[str, object]:
        tx = base64.b64encode(Person(f"person {number}").registers()).decode()
        params = {"tx": tx} if method == "broadcast_tx_sync" else {}
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

    async with httpx.AsyncClient(trust_env=False) as client:
        turned_away = await client.post(full.rpc, json=[call(1), call(2)])
        mixed = await client.post(full.rpc, json=[call(1), call(2), call(3, "health")])
        waiting = await client.post(full.rpc, json=call(4, "num_unconfirmed_txs"))
    assert turned_away.status_code == 429
    assert int(turned_away.headers["Retry-After"]) >= 1
    assert turned_away.json()["id"] is None
    assert turned_away.json()["error"]["data"].startswith(f"{BUSY}|")
    assert mixed.status_code == 200
    assert [answer["result"].get("code") for answer in mixed.json()] == [BUSY, BUSY, None]
    assert waiting.json()["result"]["n_txs"] == "2"


async def test_other_refusals_and_other_routes_are_no_429(full: DevnetNode) -> None:
    waiting = base64.b64encode(b"not a transaction").decode()
    async with httpx.AsyncClient(trust_env=False) as client:
        for method, params in (("status", {}), ("tx", {"hash": waiting}), ("num_unconfirmed_txs", {})):
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            assert (await client.post(full.rpc, json=request)).status_code == 200


async def test_our_client_tells_its_caller_to_try_again(full: DevnetNode) -> None:
    genesis = Home(full.home).genesis.read_bytes()
    client = await asyncio.to_thread(LedgerClient, [full.rpc], json.loads(genesis))
    with pytest.raises(TxRejected) as refused:
        await asyncio.to_thread(client.submit, Person("Mallory").registers())
    assert (refused.value.code, refused.value.permanent) == (BUSY, False)
    client.close()
