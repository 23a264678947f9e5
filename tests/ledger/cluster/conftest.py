"""One network of four validator processes per module, and the doors through which clients reach it."""

from collections.abc import Iterator

import pytest

from tests.ledger.cluster.network import Network
from tests.ledger.thin.thin_process import Thin


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Started, at height 1 or more, stopped at the end."""
    made = Network.make(tmp_path_factory.mktemp("network"))
    made.start()
    made.until(lambda: made.height("north-lake") >= 1, "the first block")
    yield made
    made.kill()


@pytest.fixture(scope="module", params=["validators", "thin"])
def doors(request: pytest.FixtureRequest, network: Network) -> Iterator[list[str]]:
    """What clients talk to: the validators, or a thin node before them. One contract, two implementations."""
    validators = [node.rpc for node in network.nodes]
    if request.param == "validators":
        yield validators
        return
    thin = Thin(network, validators).start()
    yield [thin.url]
    thin.kill()
