"""What a thin node tells Prometheus at GET /metrics: its process, how far it has verified, whom it asks."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.thin.node import ThinNode


class _Thin(Collector):
    def __init__(self, node: ThinNode) -> None:
        self._node = node

    def collect(self) -> Iterator[Metric]:
        tip = self._node.headers.tip
        yield GaugeMetricFamily(
            "salus_thin_verified_height", "Newest header verified.", tip.header.height if tip else 0
        )
        yield GaugeMetricFamily(
            "salus_thin_submitting", "Transactions on their way to a block.", len(self._node.submitting)
        )


def exposition(node: ThinNode) -> bytes:
    """Everything, in the text format 0.0.4."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Thin(node))
    return generate_latest(registry)
