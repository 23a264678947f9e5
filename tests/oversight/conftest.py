"""A real ledger to look at: one validator signed twice and lost its power, another was given more."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.api import person_ensure
from ledger.api import LedgerClient, PowerChanges
from tests.ledger.cluster.governance import NORTH_LAKE, RIVERSIDE, admit, agree, step
from tests.ledger.cluster.network import Network, Person
from tests.mobile_api.conftest import Chromium, chromium

__all__ = ["Chromium", "chromium"]

HONEST = ("north-lake", "riverside", "hillside")
LI_MEI = Person("Li Mei")


@pytest.fixture(scope="package")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    made = Network.make(tmp_path_factory.mktemp("explorer"))
    made.start(*HONEST)
    made.start("health-authority", module="tests.ledger.cluster.double_signer")
    client = made.client(*HONEST)
    for hospital in (NORTH_LAKE, RIVERSIDE):
        client.commit(admit(hospital))
    client.commit(LI_MEI.registers())
    made.until(lambda: _blocks_until_punished(client), "the liar lost its power")
    own = made.rpc("riverside", "status")["validator_info"]["pub_key"]["value"]
    public = own.rstrip("=").replace("+", "-").replace("/", "_")
    agree(client, PowerChanges(public=public, power=14))
    step(client)
    made.until(lambda: made.same_state(HONEST), "the honest agree")
    client.close()
    yield made
    made.kill()


def _blocks_until_punished(client: LedgerClient) -> bool:
    step(client, 1)
    return len(client.validators()) == len(HONEST)


@pytest.fixture
def reader(network: Network) -> Iterator[LedgerClient]:
    made = network.client(*HONEST)
    yield made
    made.close()


@pytest.fixture
def regulator(db: None, network: Network, settings: Any) -> Client:
    """Grace Kim, signed in; the pages look at the network."""
    settings.SALUS_LEDGER_RPC = [network.node(name).rpc for name in HONEST]
    settings.SALUS_LEDGER_GENESIS = network.home / "genesis.json"
    client = Client()
    client.force_login(person_ensure(handle="grace-kim", name="Grace Kim", role="regulator"))
    return client
