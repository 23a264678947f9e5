"""What happens in a validator, for Prometheus: counters and histograms. All that can be read off it at any
moment is in `readings.py`, where most metrics stand.

Rules
- A thing that CometBFT measures has CometBFT's name and label `chain_id`: dashboards made for it work. Ours
  begin with `salus_`. Labels name validators, codes, files and event types, never a person.
- To add one: a constant here, and `metrics.SYNC_SECONDS.labels(name).observe(seconds)` where it happens.
- A process is one validator. Its restarts are `changes(process_start_time_seconds[1d])`.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

_FAST = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_SLOW = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0)

disable_created_metrics()  # a series more for each, which nobody asks for
OBSERVED = CollectorRegistry()
ProcessCollector(registry=OBSERVED)
COMMIT_SECONDS = Histogram(
    "salus_commit_seconds", "To execute, store and sync a decided block.", buckets=_FAST, registry=OBSERVED
)
SYNC_SECONDS = Histogram(
    "salus_sync_seconds", "To make a file durable.", ["file"], buckets=_FAST, registry=OBSERVED
)
REFUSED = Counter(
    "salus_transactions_refused", "Transactions of clients that we refused.", ["code"], registry=OBSERVED
)
FAILED_CHECKS = Counter(
    "salus_checks_failed",
    "CheckTx that refused: of clients, peers and rechecks.",
    ["code"],
    registry=OBSERVED,
)
EVICTED = Counter(
    "salus_transactions_evicted",
    "Transactions that left the pool because a block made them invalid.",
    registry=OBSERVED,
)
BLOCK_INTERVAL = Histogram(
    "cometbft_consensus_block_interval_seconds",
    "Between the header times of two blocks.",
    ["chain_id"],
    buckets=_SLOW,
    registry=OBSERVED,
)
COMMITTED = Counter("salus_blocks_committed", "Blocks committed since the start.", registry=OBSERVED)
COMMITTED_TXS = Counter(
    "salus_transactions_committed", "Transactions committed since the start.", registry=OBSERVED
)
ROUNDS_LOST = Counter(
    "salus_rounds_lost",
    "Rounds that did not decide their height, of the blocks committed.",
    registry=OBSERVED,
)
EVIDENCE = Counter("salus_evidence_committed", "Pieces of evidence in committed blocks.", registry=OBSERVED)
