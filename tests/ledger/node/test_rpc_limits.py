"""One client of the RPC cannot starve the others: over real sockets, from several loopback addresses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from ledger.node import rpc_limits
from ledger.node.devnet import DevnetNode, init_devnet
from ledger.node.home import Home
from ledger.node.node import Node
from ledger.node.rpc import Rpc
from ledger.node.rpc_limits import calls_in
from tests.free_ports import free_ports
from tests.ledger.cluster.network import APP_STATE, CHAIN_ID

GREEDY, MODEST = "127.0.0.2", "127.0.0.3"
CALLS_PER_S = 20
NAMES = ["riverside", "north-lake", "hillside", "health-authority"]


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DevnetNode]:
    """A node that serves 48 connections and 20 calls a second to each address."""
    for name, value in (("BODY_S", 0.4), ("UNREAD_S", 0.4), ("IDLE_S", 0.4)):
        monkeypatch.setattr(rpc_limits, name, value)
    monkeypatch.setattr("ledger.node.rpc.IDLE_S", 0.4)
    monkeypatch.setattr(rpc_limits.LimitedSite.__init__, "__defaults__", (48,))
    config = {"rpc_calls_per_s": CALLS_PER_S}
    made, *_ = init_devnet(tmp_path / "net", NAMES, APP_STATE, CHAIN_ID, free_ports(40), config)
    node = Node(Home(made.home))
    rpc = Rpc(node)
    await rpc.start()
    yield made
    await rpc.stop()
    await node.stop()


def client(address: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address=address), timeout=5)


async def connect(node: DevnetNode, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", node.rpc_port, local_addr=(address, 0))


async def ended(reader: asyncio.StreamReader, within_s: float = 5) -> bytes:
    """What still comes until the node hangs up."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(within_s):
            return await reader.read()
    return b""


async def answers(node: DevnetNode, address: str) -> bool:
    async with client(address) as one:
        return (await one.get(f"{node.rpc}/health")).status_code == 200


async def test_address_that_calls_too_often_is_told_when_to_try_again_and_others_are_served(
    served: DevnetNode,
) -> None:
    async with client(GREEDY) as greedy:
        codes = [(await greedy.get(f"{served.rpc}/health")).status_code for _ in range(3 * CALLS_PER_S)]
        refused = await greedy.get(f"{served.rpc}/health")
    assert codes[: 2 * CALLS_PER_S] == [200] * 2 * CALLS_PER_S
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert "20 calls per second" in refused.json()["error"]["data"]
    assert await answers(served, MODEST)
    await asyncio.sleep(1 / CALLS_PER_S * 2)
    assert await answers(served, GREEDY)


async def test_each_call_of_a_batch_counts(served: DevnetNode) -> None:
    batch = [{"jsonrpc": "2.0", "id": number, "method": "health"} for number in range(2 * CALLS_PER_S)]
    async with client(GREEDY) as greedy:
        assert len((await greedy.post(served.rpc, json=batch)).json()) == 2 * CALLS_PER_S
        assert (await greedy.post(served.rpc, json=batch)).status_code == 429
    assert calls_in(b"") == 1


async def test_this_machine_calls_as_often_as_it_likes(served: DevnetNode) -> None:
    async with client("127.0.0.1") as own:
        codes = {(await own.get(f"{served.rpc}/health")).status_code for _ in range(5 * CALLS_PER_S)}
    assert codes == {200}


async def test_address_that_hoards_connections_leaves_room_for_the_next_one(served: DevnetNode) -> None:
    hoarded = [await connect(served, GREEDY) for _ in range(60)]
    alive = 0
    for reader, _ in hoarded:
        with contextlib.suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(reader.read(1), 0.01)
            continue
        alive += not reader.at_eof() and reader.exception() is None
    assert alive <= 17
    for number in range(5, 15):
        assert await answers(served, f"127.0.0.{number}")


async def test_closed_connections_are_forgotten_at_once(served: DevnetNode) -> None:
    for _ in range(100):
        _, writer = await connect(served, MODEST)
        writer.close()
        await writer.wait_closed()
    assert await answers(served, MODEST)


async def test_header_that_never_ends_is_cut_off(served: DevnetNode) -> None:
    reader, writer = await connect(served, GREEDY)
    writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n")

    async def trickle() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"X-More: x\r\n")
                await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    assert await ended(reader) == b""
    trickling.cancel()


async def test_silent_connection_is_cut_off(served: DevnetNode) -> None:
    reader, _ = await connect(served, GREEDY)
    assert await ended(reader) == b""


async def test_body_that_never_ends_is_answered_408(served: DevnetNode) -> None:
    reader, writer = await connect(served, GREEDY)
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{")
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()


async def test_body_that_is_too_long_is_refused_before_it_is_here(served: DevnetNode) -> None:
    async with client(MODEST) as one:
        assert (await one.post(served.rpc, content=b" " * 1_100_000)).status_code == 413


async def test_who_does_not_read_its_answers_is_cut_off(served: DevnetNode) -> None:
    _, writer = await connect(served, "127.0.0.1")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    with pytest.raises(ConnectionError):  # noqa: PT012 - the node ends it at some point of this
        async with asyncio.timeout(10):
            while True:
                writer.write(b"GET /genesis HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
                await writer.drain()
                await asyncio.sleep(0.01)


async def test_socket_that_calls_too_often_is_closed(served: DevnetNode) -> None:
    connector = aiohttp.TCPConnector(local_addr=(GREEDY, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(f"{served.rpc}/websocket") as ws,
    ):
        for number in range(3 * CALLS_PER_S):
            await ws.send_json({"jsonrpc": "2.0", "id": number, "method": "health", "params": {}})
        answered = 0
        async with asyncio.timeout(5):
            async for _ in ws:
                answered += 1
        assert answered < 3 * CALLS_PER_S
        assert ws.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION
