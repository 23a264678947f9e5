"""Validators join, change their power and leave while the network runs."""

import time
from collections.abc import Iterator

import pytest

from ledger.api import LedgerClient, b64u_encode
from ledger.node.devnet import init_newcomer
from ledger.types.tx_change import PowerChanges, ValidatorLeaves
from tests.free_ports import free_ports
from tests.ledger.cluster.governance import agree, electors_of, joining, key_of, step
from tests.ledger.cluster.network import MONIKERS, Network


@pytest.fixture(scope="module")
def client(network: Network) -> Iterator[LedgerClient]:
    """Of a network on which three electors are registered."""
    made = electors_of(network)
    yield made
    made.close()


def test_newcomer_is_let_in_votes_and_leaves_and_clients_follow(
    network: Network, client: LedgerClient
) -> None:
    newcomer = init_newcomer(network.home, "lakeside", free_ports(10), network.nodes)
    network.nodes = (*network.nodes, newcomer.node)
    network.start("lakeside")
    time.sleep(0.5)
    assert network.height("lakeside") == 0
    decided = agree(client, joining(newcomer))
    step(client)
    everybody = (*MONIKERS, "lakeside")
    network.until(lambda: network.same_state(everybody), "the newcomer has every block")
    assert {one.moniker for one in client.validators()} == set(everybody)
    assert client.status().validators == 5

    network.kill("riverside")
    step(client, 3)
    signers = client.block(client.status().height).summary.signed_by
    assert network.rpc("lakeside", "status")["validator_info"]["address"] in signers

    fresh = network.client("lakeside", "north-lake", "hillside")
    assert fresh.block(decided + 3).summary.height == decided + 3
    network.start("riverside")
    agree(client, ValidatorLeaves(public=b64u_encode(newcomer.public_key)))
    step(client)
    network.until(lambda: network.same_state(), "the four agree")
    assert {one.moniker for one in client.validators()} == set(MONIKERS)
    for name in MONIKERS:
        network.until(
            lambda name=name: network.peers(name) == set(MONIKERS) - {name}, "the leaver is cut off"
        )
    network.until(lambda: not network.peers("lakeside"), "by everybody")
    left_at = network.height("lakeside")
    step(client)
    time.sleep(0.3)
    assert network.height("lakeside") == left_at
    network.kill("lakeside")


def test_power_changes_count_in_the_quorum(network: Network, client: LedgerClient) -> None:
    agree(client, PowerChanges(public=key_of(network, "riverside"), power=14))
    step(client, 3)
    by_name = {one.moniker: one.voting_power for one in client.validators()}
    assert by_name["riverside"] == 14
    network.kill("riverside")
    assert client.status().quorum
    step(client, 1)
    network.kill("hillside")
    assert not client.status().quorum
