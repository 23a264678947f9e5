"""A node with an empty home takes a snapshot over from its peers and then follows block by block."""

import shutil
from collections.abc import Iterator

import pytest

from tests.ledger.cluster.network import Network, Person

EVERY = 5
CONFIG = {"snapshot_every": EVERY, "state_sync_beyond": 2 * EVERY}


@pytest.fixture
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    made = Network.make(tmp_path_factory.mktemp("sync"), CONFIG)
    made.start()
    yield made
    made.kill()


def test_empty_node_takes_a_snapshot_over_and_takes_part_again(network: Network) -> None:
    client = network.client("north-lake", "riverside", "health-authority")
    people = [Person(f"person {number}") for number in range(2 * EVERY)]
    for person in people:
        client.commit(person.registers())
    network.kill("hillside")
    data = network.home / "hillside" / "data"
    for name in ("blocks.log", "wal.log"):
        (data / name).unlink()
    shutil.rmtree(data / "snapshots")
    network.start("hillside")
    network.until(lambda: network.same_state(), "the empty node has the state")
    earliest = int(network.rpc("hillside", "status")["sync_info"]["earliest_block_height"])
    assert earliest > EVERY
    assert earliest % EVERY == 1
    assert "event=state_synced" in network.log("hillside")

    network.kill("riverside")
    client.commit(Person("after the sync").registers())
    network.kill("hillside")
    network.start("riverside", "hillside")
    client.commit(Person("after its restart").registers())
    network.until(lambda: network.same_state(), "it came back from its own disk")
    assert network.log("hillside").count("event=state_synced") == 1
    only = network.client("hillside")
    assert only.query(f"did/{people[0].did}").value is not None
    client.close()
