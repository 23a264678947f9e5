"""A validator that was away comes back while the others work: by blocks or by a snapshot; and signs again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.api import NotFound
from tests.ledger.cluster.network import MONIKERS, Network, Person

EVERY = 10
OTHERS = ("north-lake", "riverside", "health-authority")


def made(folder: Path, **config: int) -> Network:
    network = Network.make(folder, config)
    network.forget_evidence_after(blocks=5, seconds=0.2)
    return network


def works(network: Network, blocks: int) -> None:
    """Wait, under load, until the others are so many blocks further."""
    there = network.height("north-lake") + blocks
    network.until(lambda: network.height("north-lake") >= there, f"{blocks} blocks under load", within_s=60)


def signs_again(network: Network, address: str) -> None:
    """Wait until the validator's precommits are in the newest blocks."""

    def signed() -> bool:
        tip = network.height("north-lake")
        return all(network.signed(address, height) for height in (tip - 3, tip - 2))

    network.until(signed, "it signs again", within_s=60)


@pytest.fixture
def keeps_all(tmp_path: Path) -> Iterator[Network]:
    network = made(tmp_path / "net", snapshot_every=EVERY)
    network.start()
    yield network
    network.kill()


@pytest.fixture
def prunes(tmp_path: Path) -> Iterator[Network]:
    network = made(tmp_path / "net", snapshot_every=EVERY, state_sync_beyond=3 * EVERY, retain_blocks=EVERY)
    network.start()
    yield network
    network.kill()


def test_killed_validator_catches_up_block_by_block_under_load_and_signs_again(keeps_all: Network) -> None:
    network = keeps_all
    address = network.address("hillside")
    with network.load(*OTHERS) as committed:
        works(network, 10)
        network.kill("hillside")
        works(network, 60)
        network.start("hillside")
        signs_again(network, address)
    network.until(lambda: network.same_state(), "everyone has one state")
    assert "event=state_sync" not in network.log("hillside")
    assert network.base("hillside") == 1
    own = network.client("hillside")
    assert all(own.proof_bundle(tx_hash) for tx_hash in committed[:20])


@pytest.mark.full
def test_validator_that_froze_catches_up_under_load_and_signs_again(keeps_all: Network) -> None:
    """Its process stands still, with its connections open, as on a machine that swaps."""
    network = keeps_all
    address = network.address("hillside")
    with network.load(*OTHERS):
        works(network, 10)
        os.kill(network.processes["hillside"].pid, signal.SIGSTOP)
        works(network, 20)
        os.kill(network.processes["hillside"].pid, signal.SIGCONT)
        signs_again(network, address)
    network.until(lambda: network.same_state(), "everyone has one state")


def test_validator_that_prunes_and_was_away_for_long_takes_a_snapshot_and_signs_again(
    prunes: Network,
) -> None:
    network = prunes
    address = network.address("hillside")
    with network.load(*OTHERS):
        works(network, 5)
        network.kill("hillside")
        works(network, 6 * EVERY)
        network.start("hillside")
        signs_again(network, address)
    network.until(lambda: network.same_state(), "everyone has one state")
    assert network.log("hillside").count("event=state_synced") == 1
    assert network.base("hillside") > EVERY

    network.kill("hillside")
    network.start("hillside")
    network.client(*OTHERS).commit(Person("after its restart").registers())
    network.until(lambda: network.same_state(), "it came back from its own disk")
    assert network.log("hillside").count("event=state_synced") == 1


def test_pruned_blocks_are_gone_from_disk_and_the_lowest_height_is_told(prunes: Network) -> None:
    network = prunes
    client = network.client()
    early = Person("early").registers()
    client.commit(early)
    assert early in (network.node("riverside").home / "data" / "blocks.log").read_bytes()
    with network.load():
        works(network, 5 * EVERY)
        network.until(lambda: all(network.base(name) > 3 * EVERY for name in MONIKERS), "all have pruned")
    network.until(lambda: network.same_state(), "everyone is at rest")
    for name in MONIKERS:
        assert early not in (network.node(name).home / "data" / "blocks.log").read_bytes()
        base = network.base(name)
        assert base <= network.height(name) - EVERY + 1
        answer = network.answer(name, f"block?height={base - 1}")
        assert f"lowest height is {base}" in answer["error"]["data"]
        assert network.rpc(name, f"block?height={base}")["block"]["header"]["height"] == str(base)
        assert network.rpc(name, f"commit?height={base}")["signed_header"]["header"]["height"] == str(base)
    light = network.client("riverside")  # begins at the genesis, whose blocks are gone
    assert light.query(f"did/{Person('early').did}").value is not None
    assert light.block(network.base("riverside")).summary.height == network.base("riverside")
    with pytest.raises(NotFound, match=f"lowest height is {network.base('riverside')}"):
        network.client("riverside").block(1)


def test_validator_whose_next_block_everybody_has_pruned_takes_a_snapshot_instead_of_waiting(
    prunes: Network,
) -> None:
    network = prunes
    network.kill("hillside")
    network.configure("hillside", retain_blocks=0, state_sync_beyond=1_000_000)
    stopped_at = network.height("north-lake")
    with network.load(*OTHERS):
        works(network, 5 * EVERY)
        network.until(lambda: all(network.base(name) > stopped_at + 1 for name in OTHERS), "all have pruned")
        network.start("hillside")
        signs_again(network, network.address("hillside"))
    network.until(lambda: network.same_state(), "everyone has one state")
    assert "stranded=True" in network.log("hillside")


@pytest.mark.full
def test_validator_that_keeps_everything_gets_it_all_while_one_still_has_it(tmp_path: Path) -> None:
    network = made(tmp_path / "net", snapshot_every=EVERY, state_sync_beyond=2 * EVERY, retain_blocks=EVERY)
    for name in ("hillside", "riverside"):
        network.configure(name, retain_blocks=0)
    network.start()
    try:
        network.client().commit(Person("first").registers())
        network.kill("hillside")
        with network.load(*OTHERS):
            works(network, 5 * EVERY)
            network.start("hillside")
            signs_again(network, network.address("hillside"))
        network.until(lambda: network.same_state(), "everyone has one state")
        assert network.base("hillside") == 1
        assert network.base("north-lake") > EVERY
        assert "event=state_sync" not in network.log("hillside")
    finally:
        network.kill()


@pytest.mark.full
def test_double_signing_is_punished_on_a_network_that_prunes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = made(tmp_path / "net", snapshot_every=EVERY, retain_blocks=EVERY)
    network.forget_evidence_after(blocks=EVERY, seconds=5)
    monkeypatch.setenv("DOUBLE_FROM", str(4 * EVERY))
    network.start(*(name for name in MONIKERS if name != "hillside"))
    network.start("hillside", module="tests.ledger.cluster.double_signer")
    try:
        with network.load(*OTHERS):
            network.until(
                lambda: len(network.rpc("north-lake", "validators")["validators"]) == 3,
                "its power is gone",
                within_s=60,
            )
        network.until(lambda: network.same_state(OTHERS), "the honest agree")
    finally:
        network.kill()
