"""Connection floods against running validators: they go on committing, and their descriptors stay few."""

import contextlib
import os
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.node.rpc_limits import MAX_CONNECTIONS
from ledger.node.strangers import PLACES
from tests.ledger.cluster.network import MONIKERS, Network, Person

ATTACKERS = tuple(f"127.0.0.{number}" for number in range(2, 12))
HELD = 1_500
"""How many connections an attacker keeps open at a time, all together."""
ORDINARY = 100
"""Descriptors of a validator that nobody attacks, and some to spare."""


@pytest.fixture(autouse=True)
def at_rest(network: Network) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    network.until(lambda: descriptors(network) < ORDINARY, "the descriptors are free again", within_s=30)


def descriptors(network: Network) -> int:
    """Most that any validator has open."""
    return max(len(os.listdir(f"/proc/{network.processes[name].pid}/fd")) for name in MONIKERS)


def connection(network: Network, port: int, number: int) -> socket.socket | None:
    sock = socket.socket()
    sock.settimeout(0.2)
    try:
        sock.bind((ATTACKERS[number % len(ATTACKERS)], 0))
        sock.connect(("127.0.0.1", port))
    except OSError:
        sock.close()
        return None
    return sock


@contextlib.contextmanager
def attack(act: Callable[[int], socket.socket | None]) -> Iterator[list[int]]:
    """Repeat `act` as fast as it goes, keeping the newest connections open; yields [how many]."""
    stop, count, held = threading.Event(), [0], list[socket.socket]()

    def run() -> None:
        while not stop.is_set():
            count[0] += 1
            if (made := act(count[0])) is not None:
                held.append(made)
            while len(held) > HELD:
                held.pop(0).close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join()
        for sock in held:
            sock.close()


def p2p_port(network: Network, number: int) -> int:
    return network.nodes[number % len(MONIKERS)].p2p_port


def opens(network: Network) -> Callable[[int], socket.socket | None]:
    """Opens a connection and says nothing."""
    return lambda number: connection(network, p2p_port(network, number), number)


def begins(network: Network) -> Callable[[int], socket.socket | None]:
    """Begins a TLS handshake with a true ClientHello, and never finishes it."""

    def act(number: int) -> socket.socket | None:
        sock = connection(network, p2p_port(network, number), number)
        if sock is not None:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            half = context.wrap_bio(incoming, outgoing)
            with contextlib.suppress(ssl.SSLWantReadError, OSError):
                half.do_handshake()
            with contextlib.suppress(OSError):
                sock.send(outgoing.read())
        return sock

    return act


def trickles(network: Network) -> Callable[[int], socket.socket | None]:
    """Slowloris: requests to the RPC of one validator whose headers never end."""

    def act(number: int) -> socket.socket | None:
        sock = connection(network, network.nodes[0].rpc_port, number)
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.send(b"POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        return sock

    return act


FLOODS = {"connects": opens, "half-open TLS": begins, "slowloris on the RPC": trickles}


@pytest.mark.parametrize("kind", FLOODS)
def test_network_commits_while_it_is_flooded_with_connections(network: Network, kind: str) -> None:
    client = network.client()
    client.commit(Person(f"before {kind}").registers())
    rounds = {name: network.log(name).count("event=new_round") for name in MONIKERS}
    with attack(FLOODS[kind](network)) as count:
        while count[0] < HELD + 500:
            time.sleep(0.01)
        for number in range(10):
            client.commit(Person(f"{kind} {number}").registers(), timeout_s=20)
        at_once = descriptors(network)
    assert at_once < ORDINARY + (MAX_CONNECTIONS if "RPC" in kind else PLACES)
    network.until(lambda: network.same_state(), "everyone has one state")
    for name in MONIKERS:
        assert network.log(name).count("event=new_round") - rounds[name] <= 4
        assert int(network.rpc(name, "net_info")["n_peers"]) == len(MONIKERS) - 1
    client.close()


@pytest.mark.full
@pytest.mark.parametrize("kind", ["connects", "half-open TLS"])
def test_validator_that_restarts_in_a_flood_finds_its_peers(
    network: Network, kind: str, tmp_path: Path
) -> None:
    client = network.client("north-lake", "riverside", "health-authority")
    with attack(FLOODS[kind](network)) as count:
        while count[0] < HELD:
            time.sleep(0.01)
        network.kill("hillside")
        network.start("hillside")
        network.until(
            lambda: int(network.rpc("hillside", "net_info")["n_peers"]) == 3, "it is back", within_s=60
        )
        client.commit(Person(f"restart in {kind}").registers(), timeout_s=20)
        network.until(lambda: network.same_state(), "everyone has one state", within_s=60)
    client.close()
