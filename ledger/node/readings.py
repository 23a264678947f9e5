"""What a validator is at the moment when Prometheus asks, at GET /metrics: one line in READINGS for each.

Reading costs nothing while the node works. Names as in `metrics.py`, which holds what happens in between.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from ledger.node.energy import EnergyReading
from ledger.node.metrics import EVICTED, FAILED_CHECKS, OBSERVED
from ledger.node.node import Node
from ledger.node.peers import Peer
from ledger.types.commit import BlockIDFlag
from ledger.types.ids import address_of
from ledger.types.rpc_json import hex_text
from ledger.types.validators import Validator

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
Kind = Literal["gauge", "counter", "unknown"]
Labelled = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric: `read` gives its value, or with `labels` a value for each tuple of their values."""

    name: str
    kind: Kind
    help: str
    read: Callable[[Node], float | Labelled]
    labels: tuple[str, ...] = ()


def _members(node: Node) -> tuple[Validator, ...]:
    return node.executor.state.validators.validators


def _missing(node: Node) -> list[Validator]:
    """Who did not sign the last block, as far as we have heard."""
    slots = node.host.seen_commit.signatures
    signed = {slot.validator_address for slot in slots if slot.flag is BlockIDFlag.COMMIT}
    last = node.executor.state.last_validators
    return [each for each in last.validators if each.address not in signed] if last and slots else []


def _faulty(node: Node) -> list[int]:
    """The power of each validator that the last block proves to have voted twice."""
    return [piece.validator_power for piece in node.record.last_evidence]


def _per_transaction(energy: EnergyReading) -> Labelled:
    joules = energy.window_joules_per_transaction
    return {} if joules is None else {(energy.watts_source,): joules}


def _total(counter: Counter) -> float:
    """Over all labels."""
    return sum(sample.value for metric in counter.collect() for sample in metric.samples)


def _by_peer(node: Node, of: Callable[[Peer], float]) -> Labelled:
    peers = node.mesh.peers.values()
    return {(peer.address.fingerprint[:20].hex(), peer.moniker): of(peer) for peer in peers}


def _by_validator(found: Mapping[bytes, float]) -> Labelled:
    return {(hex_text(address),): value for address, value in found.items()}


READINGS: tuple[Reading, ...] = (
    Reading("cometbft_consensus_height", "gauge", "Height of the last block.", lambda n: n.store.height),
    Reading("cometbft_consensus_latest_block_height", "gauge", "The same.", lambda n: n.store.height),
    Reading("cometbft_consensus_rounds", "gauge", "Round of the height in progress.", lambda n: n.host.round),
    Reading("cometbft_consensus_validators", "gauge", "Validators.", lambda n: len(_members(n))),
    Reading(
        "cometbft_consensus_validators_power", "gauge", "Their power.",
        lambda n: sum(each.power for each in _members(n)),
    ),
    Reading(
        "cometbft_consensus_validator_power", "gauge", "Power of each validator.",
        lambda n: _by_validator({each.address: each.power for each in _members(n)}), ("validator_address",),
    ),
    Reading(
        "cometbft_consensus_validator_last_signed_height", "gauge", "Last block that each signed.",
        lambda n: _by_validator(n.record.last_signed), ("validator_address",),
    ),
    Reading(
        "cometbft_consensus_validator_missed_blocks", "gauge", "Blocks that each missed since our start.",
        lambda n: _by_validator(n.record.missed), ("validator_address",),
    ),
    Reading(
        "cometbft_consensus_missing_validators", "gauge", "Validators that did not sign the last block.",
        lambda n: len(_missing(n)),
    ),
    Reading(
        "cometbft_consensus_missing_validators_power", "gauge", "Their power.",
        lambda n: sum(each.power for each in _missing(n)),
    ),
    Reading(
        "cometbft_consensus_byzantine_validators", "gauge", "Validators whom the last block proves at fault.",
        lambda n: len(_faulty(n)),
    ),
    Reading(
        "cometbft_consensus_byzantine_validators_power", "gauge", "Their power.", lambda n: sum(_faulty(n))
    ),
    Reading("cometbft_consensus_num_txs", "gauge", "Transactions of the last block.", lambda n: n.record.txs),
    Reading(
        "cometbft_consensus_total_txs", "gauge", "Transactions in the blocks indexed.", lambda n: n.index.txs
    ),
    Reading(
        "cometbft_consensus_block_size_bytes", "gauge", "Size of the last block.", lambda n: n.record.size
    ),
    Reading("cometbft_blocksync_syncing", "gauge", "1: a peer is ahead of us.", lambda n: n.catching_up),
    Reading("cometbft_mempool_size", "gauge", "Transactions that wait.", lambda n: len(n.mempool)),
    Reading("cometbft_mempool_size_bytes", "gauge", "Their bytes.", lambda n: n.mempool.bytes),
    Reading(
        "cometbft_mempool_failed_txs", "unknown", "CheckTx that refused.", lambda n: _total(FAILED_CHECKS)
    ),
    Reading(
        "cometbft_mempool_evicted_txs", "unknown", "Made invalid by a block.", lambda n: _total(EVICTED)
    ),
    Reading("cometbft_p2p_peers", "gauge", "Connected validators.", lambda n: len(n.mesh.peers)),
    Reading(
        "cometbft_p2p_peer_send_bytes_total", "counter", "Bytes sent over the present connection.",
        lambda n: _by_peer(n, lambda peer: peer.sent_bytes), ("peer_id", "moniker"),
    ),
    Reading(
        "cometbft_p2p_peer_receive_bytes_total", "counter", "Bytes received over the present connection.",
        lambda n: _by_peer(n, lambda peer: peer.received_bytes), ("peer_id", "moniker"),
    ),
    Reading(
        "salus_faults_tolerated", "gauge", "f: how many validators may fail. Alarm at 0.",
        lambda n: (len(_members(n)) - 1) // 3,
    ),
    Reading(
        "salus_energy_joules_total", "counter", "This process's energy, by its source.",
        lambda n: {(n.energy.reading().watts_source,): n.energy.reading().joules}, ("watts_source",),
    ),
    Reading(
        "salus_energy_joules_per_transaction", "gauge", "Over the last blocks; absent while there are none.",
        lambda n: _per_transaction(n.energy.reading()), ("watts_source",),
    ),
    Reading(
        "salus_block_pause_seconds", "gauge", "Least time between two blocks, as the load has it.",
        lambda n: n.host.pause_s,
    ),
    Reading(
        "salus_is_validator", "gauge", "1: this node votes.",
        lambda n: any(each.address == address_of(n.public_key) for each in _members(n)),
    ),
    Reading("salus_halted", "gauge", "1: consensus stopped rather than fork.", lambda n: n.host.halted),
    Reading("salus_steps_total", "counter", "Steps of consensus entered.", lambda n: n.host.steps),
    Reading("salus_evidence_pending", "gauge", "Evidence that waits for a block.", lambda n: len(n.evidence)),
    Reading("salus_blocks_kept", "gauge", "Blocks kept.", lambda n: n.store.height - n.store.base + 1),
    Reading("salus_event_index_height", "gauge", "Last block that is indexed.", lambda n: n.index.height),
    Reading("salus_event_index_bytes", "gauge", "Memory of the index.", lambda n: n.index.size),
    Reading(
        "salus_events", "gauge", "Events of each type in the blocks indexed.",
        lambda n: {(type_,): count for type_, count in n.index.counts.items()}, ("type",),
    ),
)  # fmt: skip


class NodeCollector(Collector):
    """Reads a node as a Prometheus collector."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterator[Metric]:
        for reading in READINGS:
            value = reading.read(self._node)
            metric = Metric(reading.name.removesuffix("_total"), reading.help, reading.kind)
            for values, number in (value if isinstance(value, Mapping) else {(): value}).items():
                labels = dict(zip(reading.labels, values, strict=True))
                if reading.name.startswith("cometbft_"):
                    labels["chain_id"] = self._node.genesis.chain_id
                metric.add_sample(reading.name, labels, float(number))
            yield metric


def exposition(node: Node) -> bytes:
    """Everything, in the text format 0.0.4."""
    asked = CollectorRegistry()
    asked.register(NodeCollector(node))
    return generate_latest(asked) + generate_latest(OBSERVED)
