"""Validators join, change their power, rotate their key and leave while the network runs."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.api import LedgerClient, OrganisationRegistered, b64u_encode, sign_tx
from ledger.node.devnet import Newcomer, init_newcomer
from ledger.types.tx import Body, GovernanceProposed, GovernanceVoted
from ledger.types.tx_change import Change, PowerChanges, ValidatorJoins, ValidatorLeaves
from tests.free_ports import free_ports
from tests.ledger.cluster.network import AUTHORITY, CHAIN_ID, MONIKERS, Network, Person

NORTH_LAKE = Person("North Lake Hospital")
RIVERSIDE = Person("Riverside General")
ELECTORS = (AUTHORITY, NORTH_LAKE, RIVERSIDE)


def body_fields(author: Person, **own: Any) -> dict[str, Any]:
    now = time.time_ns() // 1_000_000
    common = {"ledger": CHAIN_ID, "author": author.did, "nonce": b64u_encode(os.urandom(16))}
    return common | {"issued_at": now, "not_after": now + 3_600_000} | own


def signed(body: Body, by: Person) -> bytes:
    return sign_tx(body, "#key-1", by.seed)


def admit(hospital: Person) -> bytes:
    own = {"did": hospital.did, "keyset": hospital.keyset, "kind": "hospital"}
    body = OrganisationRegistered(**body_fields(AUTHORITY, **own, name=hospital.name, region="North"))
    return signed(body, AUTHORITY)


def agree(client: LedgerClient, change: Change) -> int:
    """Propose and approve a change; returns the height of the deciding vote."""
    proposal = b64u_encode(os.urandom(16))
    proposed = GovernanceProposed(**body_fields(NORTH_LAKE, proposal=proposal, change=change))
    client.commit(signed(proposed, NORTH_LAKE))
    heights = []
    for elector in ELECTORS:
        vote = GovernanceVoted(**body_fields(elector, proposal=proposal, approve=True))
        heights.append(client.commit(signed(vote, elector)).height)
    return heights[-1]


def joining(newcomer: Newcomer, power: int = 10) -> ValidatorJoins:
    return ValidatorJoins(
        public=b64u_encode(newcomer.public_key),
        power=power,
        moniker=newcomer.node.moniker,
        host="127.0.0.1",
        port=newcomer.node.p2p_port,
        certificate=b64u_encode(newcomer.certificate),
    )


def step(client: LedgerClient, count: int = 2) -> None:
    """Some blocks more."""
    for _ in range(count):
        client.commit(Person(f"step {os.urandom(8).hex()}").registers())


@pytest.fixture(scope="module")
def client(network: Network) -> Iterator[LedgerClient]:
    """Of a network on which three electors are registered."""
    made = network.client()
    for hospital in (NORTH_LAKE, RIVERSIDE):
        made.commit(admit(hospital))
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
    network.until(lambda: int(network.rpc("north-lake", "net_info")["n_peers"]) == 3, "the leaver is cut off")
    left_at = network.height("lakeside")
    step(client)
    time.sleep(0.3)
    assert network.height("lakeside") == left_at
    network.kill("lakeside")


def test_power_changes_count_in_the_quorum(network: Network, client: LedgerClient) -> None:
    own = network.rpc("riverside", "status")["validator_info"]["pub_key"]["value"]
    public = own.rstrip("=").replace("+", "-").replace("/", "_")
    agree(client, PowerChanges(public=public, power=14))
    step(client, 3)
    by_name = {one.moniker: one.voting_power for one in client.validators()}
    assert by_name["riverside"] == 14
    network.kill("riverside")
    assert client.status().quorum
    step(client, 1)
    network.kill("hillside")
    assert not client.status().quorum
