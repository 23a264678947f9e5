"""One validator lies, in every way we know: the thin node's answers stay the truth, and the liar is named."""

import asyncio
import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from ledger.api import Cursor, LedgerClient
from tests.free_ports import free_ports
from tests.ledger.cluster.network import MONIKERS, Network, Person
from tests.ledger.thin.liar import Liar, Lie
from tests.ledger.thin.lies import LIES, Denying, Stale
from tests.ledger.thin.thin_process import Thin

UNAVAILABLE = -32003


class Truth:
    """What honest validators say, and a thin node that must say the same."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.client = network.client(*MONIKERS[1:])
        self.people = [Person(f"truth {os.urandom(8).hex()}") for _ in range(2)]
        self.wires = [person.registers() for person in self.people]
        self.done = [self.client.commit(wire) for wire in self.wires]
        self.client.query(f"did/{self.people[-1].did}")

    def check(self, thin: Thin) -> None:
        """Ask the thin node for everything, and compare."""
        fresh = Person(f"fresh {os.urandom(8).hex()}")
        wire = fresh.registers()
        bundle = thin.result("commit_proven", tx=_base64(wire), wait_ms=10_000)
        assert base64.b64decode(bundle["tx"]) == wire
        height = int(bundle["signed_header"]["header"]["height"])
        state = thin.result("query_proven", key=f"did/{fresh.did}", min_height=height)
        assert b'"seq":0' in base64.b64decode(state["value"])
        assert thin.result("query_proven", key="did/nobody")["value"] is None
        place = self.done[0].height
        found = thin.result("tx", hash=_base64(hashlib.sha256(self.wires[0]).digest()), prove=True)
        assert (base64.b64decode(found["tx"]), found["height"]) == (self.wires[0], str(place))
        block = thin.result("block", height=str(place))["block"]
        assert _base64(self.wires[0]) in block["data"]["txs"]
        honest = self.network.rpc("riverside", f"commit?height={place}")["signed_header"]["header"]
        assert (
            thin.result("commit", height=str(place))["signed_header"]["header"] == honest == block["header"]
        )
        asked = {"from": 1, "to": height, "full": True}
        told = thin.result("chain_range", **asked)
        assert (told["headers"], told["txs"]) == _range(self.client, height)
        heard = thin.result("events_since", height=place - 1, index=9, limit=5_000)
        assert _base64(wire) in [tx for block in heard["txs"] for tx in block]


def _range(client: LedgerClient, last: int) -> tuple[list[str], list[list[str]]]:
    proven = client._range(1, last, full=True)
    headers = [_base64(block.header.encode()) for block in proven.blocks]
    return headers, [[_base64(tx) for tx in block.txs] for block in proven.blocks]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def truth(network: Network) -> Iterator[Truth]:
    made = Truth(network)
    yield made
    made.client.close()


@pytest.fixture
def liar(network: Network) -> Iterator[Liar]:
    """A door before the first validator."""
    with Liar(free_ports(1), network.node("north-lake").rpc) as made:
        yield made


def beside_two_honest(network: Network, liar: Liar) -> Thin:
    return Thin(
        network, [liar.url, network.node("riverside").rpc, network.node("hillside").rpc], name=str(liar.port)
    )


@pytest.fixture
def thin(network: Network, liar: Liar) -> Iterator[Thin]:
    made = beside_two_honest(network, liar)
    yield made
    if made.process:
        made.kill()


def until_named(thin: Thin, liar: Liar, truth: Truth, rounds: int = 12) -> None:
    """Ask for everything, until the liar has been asked what it lies about; no answer may be wrong."""
    for _round in range(rounds):
        truth.check(thin)
        if f"address={liar.url}" in thin.log():
            break
    lines = [line for line in thin.log().splitlines() if "event=validator_dropped" in line]
    assert lines, liar.asked
    assert all(f"address={liar.url}" in line for line in lines), lines


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_the_liar_is_named_and_every_answer_is_the_truth(
    truth: Truth, liar: Liar, thin: Thin, lie: Lie
) -> None:
    liar.lie = lie
    thin.start()
    until_named(thin, liar, truth)
    truth.check(thin)


def test_a_state_that_was_true_once_is_not_passed_on(truth: Truth, liar: Liar, thin: Thin) -> None:
    thin.start()
    liar.lie = Stale()
    until_named(thin, liar, truth)


def test_absence_of_what_is_there_is_not_passed_on(truth: Truth, liar: Liar, thin: Thin) -> None:
    thin.start()
    liar.lie = Denying(thin.result("query_proven", key="did/nobody"))
    until_named(thin, liar, truth)


async def _never(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    return web.Response()


async def _trickling(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.2)


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b'"' * 1_000_000)


async def _boasting(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(2**40)})
    await response.prepare(request)
    await response.write(b"{")
    await asyncio.sleep(3600)
    return response


async def _garbage(request: web.Request) -> web.StreamResponse:
    return web.Response(body=os.urandom(10_000), content_type="application/json")


async def _deep(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"[" * 500_000, content_type="application/json")


async def _moved(request: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/")


@pytest.mark.parametrize("raw", [_never, _trickling, _endless, _boasting, _garbage, _deep, _moved])
def test_a_validator_that_does_not_speak_costs_no_answer_and_no_memory(
    truth: Truth, liar: Liar, thin: Thin, raw: Callable[[web.Request], Any]
) -> None:
    liar.raw = raw
    thin.start()
    for _round in range(3):
        truth.check(thin)
    assert liar.asked
    assert thin.rss_mib() < 128


def test_a_validator_that_stops_speaking_costs_no_answer(truth: Truth, liar: Liar, thin: Thin) -> None:
    thin.start()
    truth.check(thin)
    liar.raw = _never
    for _round in range(3):
        truth.check(thin)
    liar.raw = None
    truth.check(thin)


@pytest.mark.parametrize("name", ["tampered_header", "wrong_value", "tampered_tx"])
def test_among_liars_only_nothing_is_answered(network: Network, truth: Truth, name: str) -> None:
    first = free_ports(2)
    person, done = truth.people[0], truth.done[0]
    with (
        Liar(first, network.node("north-lake").rpc) as one,
        Liar(first + 1, network.node("riverside").rpc) as two,
    ):
        thin = Thin(network, [one.url, two.url], name=f"among-liars-{name}").start()
        try:
            one.lie = two.lie = LIES[name]
            truth.client.commit(Person(f"{name} {os.urandom(8).hex()}").registers())
            asked: dict[str, dict[str, Any]] = {
                "tampered_header": {"method": "query_proven", "key": f"did/{person.did}"},
                "wrong_value": {"method": "query_proven", "key": f"did/{person.did}"},
                "tampered_tx": {"method": "tx", "hash": _base64(bytes.fromhex(done.tx_hash))},
            }
            error = thin.error(**asked[name])
            assert error["code"] == UNAVAILABLE, error
            assert "validators" in error["data"]
        finally:
            thin.kill()


def test_the_client_of_a_thin_node_that_lies_itself_is_not_deceived(network: Network, truth: Truth) -> None:
    """A thin node is believed in nothing, either: its clients verify again."""
    with Liar(free_ports(1), network.node("north-lake").rpc, LIES["tampered_header"]) as lying_thin:
        client = LedgerClient([lying_thin.url], network.genesis)
        with pytest.raises(Exception, match="does not verify"):
            client.query(f"did/{truth.people[0].did}")
        assert client.events_since(Cursor())
        client.close()
