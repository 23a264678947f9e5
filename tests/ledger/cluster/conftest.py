"""One network of four validator processes per module."""

from collections.abc import Iterator

import pytest

from tests.ledger.cluster.network import Network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Started, at height 1 or more, stopped at the end."""
    made = Network.make(tmp_path_factory.mktemp("network"))
    made.start()
    made.until(lambda: made.height("north-lake") >= 1, "the first block")
    yield made
    made.kill()
