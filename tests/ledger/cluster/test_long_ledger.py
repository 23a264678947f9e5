"""A fresh validator joins a ledger of 100,000 blocks: by a snapshot, among liars, and killed on the way."""

import os
import shutil
import time
from collections.abc import Iterator

import pytest

from ledger.node.devnet import init_newcomer
from tests.free_ports import free_ports
from tests.ledger.cluster.governance import agree, electors_of, joining, step
from tests.ledger.cluster.long_ledger import make_long_network, person
from tests.ledger.cluster.network import MONIKERS, Network

pytestmark = pytest.mark.full
BLOCKS = 100_000
EVERYBODY = (*MONIKERS, "lakeside")
LIES = ("wrong", "truncated", "of another place", "silent", "offers another order", "offers another height")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Four validators that hold 100,000 blocks each, and a fifth that is let in and holds nothing."""
    made = make_long_network(tmp_path_factory.mktemp("long"), BLOCKS)
    try:
        made.start(within_s=240)
        assert all(made.height(name) >= BLOCKS and made.base(name) == 1 for name in MONIKERS)
        newcomer = init_newcomer(made.home, "lakeside", free_ports(10), made.nodes)
        made.nodes = (*made.nodes, newcomer.node)
        client = electors_of(made)
        agree(client, joining(newcomer))
        step(client, 3)
        client.close()
        yield made
    finally:
        made.kill(*made.processes)
        shutil.rmtree(made.home)


def empty(network: Network) -> None:
    """Let the newcomer forget everything but its keys and what it signed."""
    if "lakeside" in network.processes:
        network.kill("lakeside")
    data = network.node("lakeside").home / "data"
    for name in ("blocks.log", "wal.log"):
        (data / name).unlink(missing_ok=True)
    for folder in ("snapshots", "incoming"):
        shutil.rmtree(data / folder, ignore_errors=True)
    (network.home / "lakeside.log").unlink(missing_ok=True)


def chunks_here(network: Network) -> int:
    folder = network.node("lakeside").home / "data" / "incoming"
    return len(os.listdir(folder)) if folder.exists() else 0


def has_joined(network: Network) -> None:
    """Wait until the newcomer stands where all stand, and check that it signs and answers for old state."""
    network.until(lambda: network.same_state(EVERYBODY), "the newcomer has the state", within_s=240)
    assert "event=state_synced" in network.log("lakeside")
    assert network.base("lakeside") > BLOCKS // 2
    client = network.client("lakeside", "north-lake")
    address = network.address("lakeside")

    def signs() -> bool:  # a commit holds the quickest two thirds, and whoever else came in time
        step(client, 1)
        tip = network.height("north-lake")
        return any(network.signed(address, height) for height in range(tip - 3, tip))

    network.until(signs, "it signs", within_s=60)
    for height in (1, BLOCKS // 3, BLOCKS):
        assert client.query(f"did/{person(height).did}").value is not None
    client.close()


def test_fresh_validator_joins_in_seconds_with_the_same_app_hash(network: Network) -> None:
    began = time.monotonic()
    network.start("lakeside")
    has_joined(network)
    print(f"\njoined a ledger of {BLOCKS} blocks in {time.monotonic() - began:.1f} s, its signature included")


@pytest.mark.parametrize("lie", LIES)
def test_fresh_validator_joins_though_one_of_four_lies_about_snapshots(
    network: Network, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty(network)
    monkeypatch.setenv("LIE", lie)
    network.kill("riverside")
    network.start("riverside", module="tests.ledger.cluster.liar", within_s=240)
    network.until(lambda: network.same_state(), "the liar takes part", within_s=60)
    network.start("lakeside")
    has_joined(network)
    network.kill("riverside")
    network.start("riverside", within_s=240)


def test_newcomer_killed_midway_goes_on_with_the_chunks_it_has(network: Network) -> None:
    empty(network)
    for _ in range(2):
        before = chunks_here(network)
        network.start("lakeside")
        network.until(lambda had=before: chunks_here(network) > had, "some chunks came", within_s=60)
        network.kill("lakeside")
    kept = chunks_here(network)
    network.start("lakeside")
    has_joined(network)
    assert f"kept={kept}" in network.log("lakeside")
    assert chunks_here(network) == 0


def test_peers_killed_while_they_serve_are_replaced(network: Network) -> None:
    empty(network)
    network.start("lakeside")
    network.until(lambda: chunks_here(network) > 0, "some chunks came", within_s=60)
    network.kill("hillside")
    network.start("hillside", within_s=240)
    has_joined(network)
