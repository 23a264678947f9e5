"""A validator changes its key while everybody runs: on the same machine, and to a new one."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.api import b64u_encode
from ledger.node.devnet import Newcomer, init_newcomer
from ledger.node.peers import certificate_der
from ledger.types.tx_change import KeyRotates
from tests.free_ports import free_ports
from tests.ledger.cluster.governance import agree, electors_of, key_of, step
from tests.ledger.cluster.network import MONIKERS, Network

OTHERS = ("north-lake", "riverside", "health-authority")


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    made = Network.make(tmp_path / "net")
    made.start()
    yield made
    made.kill(*made.processes)


def rotation(network: Network, fresh: Newcomer, certificate: bytes, port: int) -> KeyRotates:
    return KeyRotates(
        public=b64u_encode(fresh.public_key),
        replaces=key_of(network, "hillside"),
        moniker=fresh.node.moniker,
        host="127.0.0.1",
        port=port,
        certificate=b64u_encode(certificate),
    )


def addresses(network: Network) -> set[str]:
    """Who decides the next height."""
    height = network.height("north-lake") + 1
    return {one["address"] for one in network.rpc("north-lake", f"validators?height={height}")["validators"]}


def test_key_is_rotated_while_its_validator_runs_and_signs_after_a_restart_with_the_new_one(
    network: Network, tmp_path: Path
) -> None:
    client = electors_of(network)
    old = network.address("hillside")
    fresh = init_newcomer(tmp_path / "prepared", "hillside", free_ports(10), network.nodes)
    home = network.node("hillside").home
    own_certificate = certificate_der((home / "node.crt").read_text())
    agree(client, rotation(network, fresh, own_certificate, network.node("hillside").p2p_port))
    step(client, 3)
    assert old not in addresses(network)
    assert len(addresses(network)) == 4
    network.until(lambda: network.same_state(), "it follows though it has no vote any more")
    for name in MONIKERS:
        assert network.peers(name) == set(MONIKERS) - {name}
    assert not network.signed(old, network.height("north-lake"))

    network.kill("hillside")
    shutil.copy(fresh.node.home / "priv_validator_key.json", home / "priv_validator_key.json")
    network.start("hillside")
    new = network.address("hillside")
    assert new in addresses(network)
    network.until(lambda: network.same_state(), "it is back")
    network.kill("riverside")
    step(client, 3)  # with one dead, nothing is decided without the new key
    assert network.signed(new, network.height("north-lake") - 1)
    network.start("riverside")
    network.until(lambda: network.same_state(), "everyone has one state")
    for name in MONIKERS:
        assert "event=evidence" not in network.log(name)
    client.close()


def test_key_is_rotated_to_a_new_machine_and_the_old_one_is_cut_off_by_all(network: Network) -> None:
    client = electors_of(network)
    fresh = init_newcomer(network.home, "hillside-2", free_ports(10), network.nodes)
    network.nodes = (*network.nodes, fresh.node)
    network.start("hillside-2")
    agree(client, rotation(network, fresh, fresh.certificate, fresh.node.p2p_port))
    step(client, 3)
    members = {*OTHERS, "hillside-2"}
    for name in sorted(members):
        network.until(
            lambda name=name: network.peers(name) == members - {name}, "the new one is in its place"
        )
    network.until(lambda: not network.peers("hillside"), "the old one is cut off by all")
    left_at = network.height("hillside")
    network.kill("riverside")
    step(client, 3)
    assert network.signed(network.address("hillside-2"), network.height("north-lake") - 1)
    time.sleep(0.3)
    assert network.height("hillside") == left_at
    network.start("riverside")
    network.until(lambda: network.same_state(sorted(members)), "everyone has one state")
    client.close()
