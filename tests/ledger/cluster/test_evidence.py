"""A validator that signs twice is found out, and loses its power on every node."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.cluster.network import MONIKERS, Network, Person
from tests.ledger.cluster.test_metrics import Scrape

HONEST = ("north-lake", "riverside", "hillside")


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    made = Network.make(tmp_path / "net")
    made.start(*HONEST)
    made.start("health-authority", module="tests.ledger.cluster.double_signer")
    yield made
    made.kill()


def powers(network: Network, moniker: str) -> list[str]:
    """The power of each validator that decides the next height."""
    height = network.height(moniker) + 1
    found = network.rpc(moniker, f"validators?height={height}")["validators"]
    return [one["voting_power"] for one in found]


def evidence_in_blocks(network: Network, moniker: str) -> list[tuple[int, str]]:
    found = []
    for height in range(1, network.height(moniker) + 1):
        block = network.rpc(moniker, f"block?height={height}")["block"]
        for piece in block["evidence"]["evidence"]:
            found.append((height, piece["value"]["vote_a"]["validator_address"]))
    return found


def check_evidence_is_found_by_search(network: Network, guilty: str) -> None:
    """Every honest validator names the same block, and its results say who was punished."""
    for query in ("validator_punished EXISTS", f"validator_punished.address='{guilty}'"):
        answers = [network.rpc(name, f'block_search?query="{query}"') for name in HONEST]
        assert {answer["total_count"] for answer in answers} == {"1"}
        (height,) = {answer["blocks"][0]["block"]["header"]["height"] for answer in answers}
    (event,) = network.rpc("riverside", f"block_results?height={height}")["finalize_block_events"]
    assert event["type"] == "validator_punished"
    assert event["attributes"] == [{"key": "address", "value": guilty, "index": True}]
    assert Scrape(network, "riverside")("salus_evidence_committed_total") == 1
    assert Scrape(network, "riverside")("salus_faults_tolerated") == 0


def test_double_signer_is_punished_once_by_everybody_for_good_and_the_others_go_on(network: Network) -> None:
    client = network.client(*HONEST)
    numbers = itertools.count()

    def powerless() -> bool:
        client.commit(Person(f"person {next(numbers)}").registers())
        return all(powers(network, name) == ["10", "10", "10"] for name in HONEST)

    network.until(powerless, "the power is gone")
    for number in range(3):
        client.commit(Person(f"later {number}").registers())
    network.until(lambda: network.same_state(HONEST), "the honest agree")
    (guilty,) = {address for _, address in evidence_in_blocks(network, "riverside")}
    assert len(evidence_in_blocks(network, "riverside")) == 1
    assert guilty == network.rpc("health-authority", "status")["validator_info"]["address"]
    check_evidence_is_found_by_search(network, guilty)
    for name in MONIKERS:
        assert "event=halted" not in network.log(name)

    told = network.rpc("riverside", "election")
    assert told["tolerated_faults"] == "0"
    assert told["alarms"] == ["f=0: no validator may fail or lie"]
    assert 'event=alarm why="f=0' in network.log("riverside")

    network.kill()
    network.start(*HONEST)
    client.commit(Person("after everybody's restart").registers())
    network.until(lambda: network.same_state(HONEST), "the honest agree again")
    assert powers(network, "hillside") == ["10", "10", "10"]
    assert len(evidence_in_blocks(network, "riverside")) == 1
    client.close()
