"""Proposals and votes by which the organisations of a network change its validators."""

import os
import time
from typing import Any

from ledger.api import LedgerClient, OrganisationRegistered, b64u_encode, sign_tx
from ledger.node.devnet import Newcomer
from ledger.types.tx import Body, GovernanceProposed, GovernanceVoted
from ledger.types.tx_change import Change, ValidatorJoins
from tests.ledger.cluster.network import AUTHORITY, CHAIN_ID, Network, Person

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


def electors_of(network: Network) -> LedgerClient:
    """A client of a network on which three electors are now registered."""
    client = network.client()
    for hospital in (NORTH_LAKE, RIVERSIDE):
        client.commit(admit(hospital))
    return client


def key_of(network: Network, moniker: str) -> str:
    """The public key that a validator votes with, as b64u."""
    own = network.rpc(moniker, "status")["validator_info"]["pub_key"]["value"]
    return str(own).rstrip("=").replace("+", "-").replace("/", "_")
