"""What Prometheus reads of a validator: in its own format, under CometBFT's names, and true."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.ledger.cluster.network import CHAIN_ID, Network, Person

COMETBFT_NAMES = {
    "consensus_height", "consensus_latest_block_height", "consensus_rounds", "consensus_validators",
    "consensus_validators_power", "consensus_validator_power", "consensus_validator_last_signed_height",
    "consensus_validator_missed_blocks", "consensus_missing_validators",
    "consensus_missing_validators_power", "consensus_byzantine_validators",
    "consensus_byzantine_validators_power", "consensus_num_txs", "consensus_total_txs",
    "consensus_block_size_bytes", "consensus_block_interval_seconds_bucket", "mempool_size",
    "mempool_size_bytes", "mempool_failed_txs", "mempool_evicted_txs", "p2p_peers",
    "p2p_peer_send_bytes_total", "p2p_peer_receive_bytes_total", "blocksync_syncing",
}  # fmt: skip
"""As CometBFT v0.38 spells them, without its namespace."""


class Scrape:
    """One answer of GET /metrics, read by Prometheus' own parser."""

    def __init__(self, network: Network, moniker: str) -> None:
        answer = httpx.get(f"{network.node(moniker).rpc}/metrics", timeout=5, trust_env=False)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        self.families = list(text_string_to_metric_families(answer.text))
        self.samples = [sample for family in self.families for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name with these labels."""
        found = [
            one.value for one in self.samples if one.name == name and labels.items() <= one.labels.items()
        ]
        assert found, name
        return sum(found)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    made = Network.make(tmp_path / "net")
    made.start()
    yield made
    made.kill()


def test_metrics_are_prometheus_text_under_cometbfts_names_and_tell_the_truth(network: Network) -> None:
    client = network.client("riverside")
    for number in range(5):
        client.commit(Person(f"measured {number}").registers())
    late = Person("late").registers(now_ms=1)
    for wire in (b"nonsense", late):
        network.rpc("riverside", f"broadcast_tx_sync?tx=0x{wire.hex()}")
    network.until(network.same_state, "everybody has every block")
    missing = "cometbft_consensus_missing_validators"
    network.until(lambda: Scrape(network, "riverside")(missing) == 0, "the last precommit came")
    read = Scrape(network, "riverside")

    assert len({family.name for family in read.families}) == len(read.families)
    names = {sample.name for sample in read.samples}
    assert {f"cometbft_{name}" for name in COMETBFT_NAMES} <= names
    assert {one.labels["chain_id"] for one in read.samples if one.name.startswith("cometbft_")} == {CHAIN_ID}

    assert read("cometbft_consensus_height") == network.height("riverside")
    assert read("cometbft_consensus_validators") == 4
    assert read("cometbft_consensus_validator_power") == read("cometbft_consensus_validators_power") == 40
    assert read("cometbft_p2p_peers") == 3
    assert read("cometbft_p2p_peer_send_bytes_total", moniker="hillside") > 0
    assert read("cometbft_p2p_peer_receive_bytes_total", moniker="hillside") > 0
    assert read("salus_transactions_committed_total") == 5
    assert read("salus_blocks_committed_total") == network.height("riverside")
    assert read("salus_transactions_refused_total", code="TX_MALFORMED") == 1
    assert read("salus_transactions_refused_total", code="TX_EXPIRED") == 1
    assert read("cometbft_mempool_failed_txs") == 2
    assert read("salus_commit_seconds_count") == network.height("riverside")
    assert read("salus_sync_seconds_count", file="blocks.log") >= network.height("riverside")
    assert read("salus_sync_seconds_count", file="wal.log") > 0
    assert read("salus_faults_tolerated") == 1
    assert read("salus_is_validator") == 1
    assert read("salus_halted") == 0
    assert read("process_cpu_seconds_total") > 0
    assert read("process_resident_memory_bytes") > 1_000_000
    client.close()


def test_a_dead_validator_is_missing_and_its_restart_is_seen(network: Network) -> None:
    began = Scrape(network, "hillside")("process_start_time_seconds")
    address = network.rpc("hillside", "status")["validator_info"]["address"]
    network.kill("hillside")
    client = network.client("riverside")
    for number in range(3):
        client.commit(Person(f"without hillside {number}").registers())
    read = Scrape(network, "riverside")
    assert read("cometbft_consensus_missing_validators") == 1
    assert read("cometbft_consensus_missing_validators_power") == 10
    assert read("cometbft_p2p_peers") == 2
    missed = "cometbft_consensus_validator_missed_blocks"
    assert read(missed, validator_address=address) >= 2
    network.start("hillside")
    assert Scrape(network, "hillside")("process_start_time_seconds") > began
    client.close()
