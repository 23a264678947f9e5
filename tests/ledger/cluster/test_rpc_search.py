"""Searching and subscribing by event on a live network, over plain HTTP as a script would.

What is said of the RPC holds at a validator and at a thin node. A thin node adds of how many validators it
`asked` so many are `agreeing`.
"""

import asyncio
import base64
import hashlib
from typing import Any

import aiohttp
import httpx
import pytest

from ledger.node.rpc import MAX_BATCH
from ledger.thin.rpc import MAX_BATCH as MAX_THIN_BATCH
from tests.ledger.cluster.network import Network, Person

CAST = [Person(name) for name in ("Li Mei", "Amina Diallo", "Noor Haddad", "Grace Kim", "Ravi Menon")]


@pytest.fixture(scope="module")
def door(doors: list[str], wires: list[bytes]) -> str:
    """The second validator, or a thin node."""
    return doors[1] if len(doors) > 1 else doors[0]


@pytest.fixture(scope="module")
def most(doors: list[str]) -> int:
    """How many calls a batch may hold."""
    return MAX_BATCH if len(doors) > 1 else MAX_THIN_BATCH


@pytest.fixture(scope="module")
def wires(network: Network) -> list[bytes]:
    """One registration each, in the order of the cast, in blocks of their own."""
    client, made = network.client(), [person.registers() for person in CAST]
    for wire in made:
        client.commit(wire, timeout_s=30)
    client.close()
    network.until(network.same_state, "everybody has every block", within_s=30)
    return made


def get(door: str, route: str, **params: str) -> httpx.Response:
    return httpx.get(f"{door}/{route}", params=params, timeout=10, trust_env=False)


def search(door: str, query: str, route: str = "tx_search", **params: str) -> Any:
    """The result of a search, as two validators or more know it."""
    result = get(door, route, query=f'"{query}"', **params).json()["result"]
    asked, agreeing = (int(result.pop(name, "2")) for name in ("asked", "agreeing"))
    assert asked >= agreeing >= 2
    return result


def registered_until(wires: list[bytes], network: Network) -> str:
    """The query for these registrations and no later ones."""
    client = network.client()
    height = client.transaction(hash_of(wires[-1])).committed.height
    client.close()
    return f"did_registered EXISTS AND tx.height<={height}"


def hashes(answer: dict[str, Any]) -> list[str]:
    return [tx["hash"] for tx in answer["txs"]]


def hash_of(wire: bytes) -> str:
    return hashlib.sha256(wire).hexdigest().upper()


def test_a_transaction_is_found_by_what_it_did_and_by_its_hash(door: str, wires: list[bytes]) -> None:
    did, wanted = CAST[2].did, [hash_of(wires[2])]
    for query in (
        f"did_registered.did='{did}'",
        f"tm.event='Tx' AND did_registered.did='{did}' AND did_registered.custody='self'",
        f"did_registered.did CONTAINS '{did[-20:]}'",
        f"tx.hash='{wanted[0]}'",
        f"tx.hash='{wanted[0].lower()}' AND did_registered EXISTS",
    ):
        assert hashes(search(door, query)) == wanted, query
    for query in (
        f"did_registered.did='{did}' AND did_registered.custody='custodial'",
        f"did_registered.did='{did}' AND tx.height>1000000",
        f"tm.event='NewBlock' AND did_registered.did='{did}'",
        f"consent_granted.subject='{did}'",
        f"tx.hash='{'00' * 32}'",
    ):
        assert search(door, query) == {"txs": [], "total_count": "0"}, query


def test_pages_follow_one_another_in_both_orders(network: Network, door: str, wires: list[bytes]) -> None:
    ours = [hash_of(wire) for wire in wires]
    query = registered_until(wires, network)
    everything = hashes(search(door, query, per_page="100"))
    assert everything == ours
    pages = [search(door, query, per_page="2", page=str(page)) for page in (1, 2, 3)]
    assert [tx for page in pages for tx in hashes(page)] == ours
    assert {page["total_count"] for page in pages} == {"5"}
    assert hashes(search(door, query, order_by='"desc"')) == ours[::-1]
    assert hashes(search(door, query, per_page="2", page="2", order_by='"desc"')) == ours[::-1][2:4]
    beyond = get(door, "tx_search", query=f'"{query}"', per_page="2", page="4").json()["error"]
    assert beyond["data"] == "page should be within [1, 3] range, given 4"
    assert "asc" in get(door, "tx_search", query=f'"{query}"', order_by='"up"').json()["error"]["data"]


def test_blocks_are_searched_by_height_newest_first(door: str, wires: list[bytes]) -> None:
    found = search(door, "block.height>=2 AND block.height<=4", "block_search")
    assert [block["block"]["header"]["height"] for block in found["blocks"]] == ["4", "3", "2"]
    assert search(door, "validator_punished EXISTS", "block_search")["total_count"] == "0"


def test_every_validator_counts_the_same_as_a_search_finds(network: Network, door: str) -> None:
    found = search(door, "did_registered EXISTS")["total_count"]
    counts = [network.rpc(node.moniker, "event_counts") for node in network.nodes]
    counts.append(get(door, "event_counts").json()["result"])
    assert {count["counts"]["did_registered"] for count in counts} == {found}
    assert {count["from"] for count in counts} == {"1"}
    assert counts[-1].get("agreeing", "4") == "4"


def test_a_transaction_committed_just_now_is_found(network: Network, door: str) -> None:
    """The index follows from behind; a search does not."""
    client, person = network.client("riverside"), Person(f"{door} just now")
    committed = client.commit(person.registers())
    assert hashes(search(door, f"did_registered.did='{person.did}'")) == [committed.tx_hash]
    client.close()


def test_after_a_restart_everything_is_found_again(network: Network, door: str, wires: list[bytes]) -> None:
    network.kill("riverside")
    network.start("riverside")
    assert hashes(search(door, f"did_registered.did='{CAST[0].did}'")) == [hash_of(wires[0])]


def test_a_batch_is_answered_in_order_and_bounded(door: str, most: int) -> None:
    fresh = [Person(f"{door} batch {number}").registers() for number in range(most - 1)]
    txs = [base64.b64encode(wire).decode() for wire in (*fresh, b"no transaction")]
    batch = [
        {"jsonrpc": "2.0", "id": number, "method": "broadcast_tx_sync", "params": {"tx": tx}}
        for number, tx in enumerate(txs)
    ]
    answers = httpx.post(door, json=batch, timeout=20, trust_env=False).json()
    assert [answer["id"] for answer in answers] == list(range(most))
    assert [answer["result"]["hash"] for answer in answers[:-1]] == [hash_of(wire) for wire in fresh]
    assert [answer["result"]["code"] for answer in answers] == [0] * (most - 1) + [2]
    for wrong in ([], [*batch, batch[0]]):
        refused = httpx.post(door, json=wrong, timeout=20, trust_env=False)
        assert refused.status_code == 400
        assert f"a batch holds 1 to {most}" in refused.json()["error"]["data"]


def test_a_batch_of_broadcasts_is_answered_as_its_calls_are_one_by_one(
    network: Network, wires: list[bytes]
) -> None:
    """It is read and checked as a whole, unless it holds anything else."""
    rpc = network.node("riverside").rpc
    new = [base64.b64encode(Person(f"either way {number}").registers()).decode() for number in range(3)]
    known = base64.b64encode(wires[0]).decode()
    calls = [
        {"method": "broadcast_tx_sync", "params": {"tx": tx}} | {"jsonrpc": "2.0", "id": name}
        for tx, name in zip([*new, known, "", "bm8="], [1, "two", None, -4, 5.5, {"six": 6}], strict=True)
    ]
    together = httpx.post(rpc, json=calls, trust_env=False).json()
    assert together == [httpx.post(rpc, json=call, trust_env=False).json() for call in calls]
    assert [answer["result"]["code"] for answer in together] == [0, 0, 0, 0, 2, 2]
    others = [
        {"method": "broadcast_tx_sync", "params": {"tx": "not base64!"}, "id": 1},
        {"method": "broadcast_tx_sync", "params": {}, "id": 2},
        {"method": "broadcast_tx_sync", "params": {"tx": new[0], "more": 1}, "id": 3},
        {"method": "broadcast_tx_sync", "id": 4},
        {"method": "broadcast_tx_sync", "params": {"tx": new[0]}},
        {"method": "health", "id": 5},
        17,
    ]
    alone = [httpx.post(rpc, json=call, trust_env=False).json() for call in others]
    assert httpx.post(rpc, json=others, trust_env=False).json() == alone
    for other, answer in zip(others, alone, strict=True):
        assert httpx.post(rpc, json=[other], trust_env=False).json() == [answer]
        assert httpx.post(rpc, json=[calls[0], other], trust_env=False).json() == [together[0], answer]


def test_plain_get_reads_headers_parameters_and_the_pool(network: Network, door: str) -> None:
    block = get(door, "block", height="2").json()["result"]
    assert get(door, "header", height="2").json()["result"]["header"] == block["block"]["header"]
    by_hash = get(door, "header_by_hash", hash="0x" + block["block_id"]["hash"]).json()["result"]
    assert by_hash["header"] == block["block"]["header"]
    assert get(door, "header_by_hash", hash="0x" + "00" * 32).json()["result"]["header"] is None
    params = get(door, "consensus_params").json()["result"]["consensus_params"]
    assert params == network.genesis["consensus_params"]
    checked = get(door, "check_tx", tx="0x" + Person(f"{door} checked only").registers().hex()).json()[
        "result"
    ]
    assert checked["code"] == 0
    assert get(door, "check_tx", tx='"nonsense"').json()["result"]["code"] == 2
    pool = get(door, "unconfirmed_txs", limit="5").json()["result"]
    assert len(pool["txs"]) == int(pool["n_txs"]) <= 5
    assert get(door, "no_such_route").json()["error"]["code"] == -32601
    assert "tx_search" in get(door, "").json()["routes"]


async def test_subscribers_hear_what_their_query_matches_and_nothing_else(
    network: Network, door: str
) -> None:
    client, wanted, other = network.client(), Person(f"{door} wanted"), Person(f"{door} not wanted")
    query = f"did_registered.did = '{wanted.did}'"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(door + "/websocket") as socket,
    ):

        async def ask(method: str, query: str, number: int = 1) -> Any:
            params = {"query": query}
            await socket.send_json({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            return await socket.receive_json(timeout=5)

        assert (await ask("subscribe", query))["result"] == {}
        assert "already subscribed" in (await ask("subscribe", query.replace(" ", "")))["error"]["data"]
        assert "tm.event must be one of" in (await ask("subscribe", "tm.event='Vote'"))["error"]["data"]
        assert "not found" in (await ask("unsubscribe", "tm.event='Tx'"))["error"]["data"]
        await asyncio.to_thread(client.commit, other.registers())
        await asyncio.to_thread(client.commit, wanted.registers())
        heard = (await socket.receive_json(timeout=5))["result"]
        assert heard["query"] == query
        assert heard["events"]["did_registered.did"] == [wanted.did]
        assert heard["data"]["type"] == "tendermint/event/Tx"
        assert (await ask("unsubscribe", query.replace(" ", "")))["result"] == {}
        await asyncio.to_thread(client.commit, Person(f"{door} unheard").registers())
        assert (await ask("subscribe", "tm.event='NewBlockEvents'", 7))["id"] == 7
        await asyncio.to_thread(client.commit, Person(f"{door} one more").registers())
        heard = [await socket.receive_json(timeout=5) for _ in range(2)]  # one is the block of the new root
        assert {events["id"] for events in heard} == {7}
        assert "1" in {events["result"]["data"]["value"]["num_txs"] for events in heard}
    client.close()
