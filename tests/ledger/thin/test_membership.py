"""The validators change while a thin node is away: it catches up by the headers, and follows them."""

import os
from collections.abc import Iterator

import pytest

from ledger.api import LedgerClient
from ledger.node.devnet import init_newcomer
from ledger.types.canonical import b64u_encode
from ledger.types.rpc_json import base64_bytes
from ledger.types.tx_change import ValidatorLeaves
from tests.free_ports import free_ports
from tests.ledger.cluster.governance import NORTH_LAKE, RIVERSIDE, admit, agree, joining, step
from tests.ledger.cluster.network import Network, Person
from tests.ledger.thin.thin_process import Thin


@pytest.fixture
def thin(network: Network) -> Iterator[Thin]:
    made = Thin(network, [node.rpc for node in network.nodes])
    yield made
    if made.process:
        made.kill()


def test_it_comes_back_to_other_validators_than_it_left(network: Network, thin: Thin) -> None:
    newcomer = init_newcomer(network.home, "lakeside", free_ports(10), network.nodes)
    thin.start()
    direct = network.client()
    for hospital in (NORTH_LAKE, RIVERSIDE):
        direct.commit(admit(hospital))
    thin.kill()
    left_at = network.height("riverside")

    network.nodes = (*network.nodes, newcomer.node)
    network.start("lakeside")
    agree(direct, joining(newcomer))
    step(direct)
    gone = base64_bytes(network.rpc("hillside", "status")["validator_info"]["pub_key"]["value"])
    agree(direct, ValidatorLeaves(public=b64u_encode(gone)))
    step(direct, 3)

    thin.again()
    thin.until(lambda: thin.height() > left_at, "it has caught up")
    client = LedgerClient([thin.url], network.genesis)
    person = Person(f"since then {os.urandom(8).hex()}")
    done = client.commit(person.registers())
    assert client.query(f"did/{person.did}").value is not None
    assert {one.moniker for one in client.validators()} == {
        "north-lake",
        "riverside",
        "health-authority",
        "lakeside",
    }
    for height in (left_at, left_at + 3, done.height):
        mine = thin.result("validators", height=str(height))["validators"]
        theirs = network.rpc("riverside", f"validators?height={height}")["validators"]
        assert [(one["address"], one["voting_power"]) for one in mine] == [
            (one["address"], one["voting_power"]) for one in theirs
        ]
    client.close()
    direct.close()
    network.kill("lakeside")
