"""A real ledger to look at: one validator signed twice and lost its power, another was given more.

What the pages show of it is the same through the validators and through a thin node before them.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.api import person_ensure
from ledger.api import LedgerClient, PowerChanges
from tests.ledger.cluster.governance import NORTH_LAKE, RIVERSIDE, admit, agree, step
from tests.ledger.cluster.network import Network, Person
from tests.ledger.thin.thin_process import Thin
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
    made.until(lambda: _blocks_until_punished(client), "the liar lost its power", within_s=60)
    own = made.rpc("riverside", "status")["validator_info"]["pub_key"]["value"]
    public = own.rstrip("=").replace("+", "-").replace("/", "_")
    agree(client, PowerChanges(public=public, power=14))
    step(client)
    made.until(lambda: made.same_state(HONEST), "the honest agree", within_s=30)
    client.close()
    yield made
    made.kill()


def _blocks_until_punished(client: LedgerClient) -> bool:
    step(client, 1)
    return len(client.validators()) == len(HONEST)


@pytest.fixture(scope="package", params=["validators", "thin"])
def doors(request: pytest.FixtureRequest, network: Network) -> Iterator[list[str]]:
    """What the web server talks to."""
    validators = [network.node(name).rpc for name in HONEST]
    if request.param == "validators":
        yield validators
        return
    thin = Thin(network, validators).start()
    yield [thin.url]
    thin.kill()


@pytest.fixture
def reader(network: Network) -> Iterator[LedgerClient]:
    made = network.client(*HONEST)
    yield made
    made.close()


@pytest.fixture
def regulator(db: None, network: Network, doors: list[str], settings: Any) -> Client:
    """Grace Kim, signed in; the pages look at the network."""
    settings.SALUS_LEDGER_RPC = doors
    settings.SALUS_LEDGER_GENESIS = network.home / "genesis.json"
    client = Client()
    client.force_login(person_ensure(handle="grace-kim", name="Grace Kim", role="regulator"))
    return client
