"""The measured steps of one run against four running validators."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvloop

from bench.ledger import load, prepared, workload
from bench.ledger.load import Outcome
from bench.ledger.processes import Validators
from ledger.node.devnet import DevnetNode

OPENED = range(1_000)
"""Consents of the prepared ledger that openings go round; the ones beyond are there to be revoked."""
P99_LIMIT_MS = 500.0
LADDER_STEP = 500
IDLE_S = 10.0


@dataclass
class Bench:
    """One network under test; transactions never repeat."""

    validators: Validators
    seconds: float
    revoked: int = OPENED.stop
    steps: int = 0
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def node(self) -> DevnetNode:
        return self.validators.nodes[0]

    def at(self, rate: float, seconds: float | None = None) -> Outcome:
        """Offer `rate` a second for a while."""
        count = int(rate * (seconds or self.seconds))
        self.steps += 1
        txs = workload.mix(prepared.CHAIN_ID, f"step {self.steps}", count, OPENED, self.revoked)
        self.revoked += count // len(workload.PATTERN) + 1
        cpu = self.validators.cpu_s()
        generator = time.process_time()
        outcome = uvloop.run(load.run(self.validators.nodes, txs, rate))
        spent = self.validators.cpu_s() - cpu
        self.outcomes.append(outcome)
        print(
            f"{rate:7.0f} tx/s offered: {outcome.committed_per_s:6.0f} committed, "
            f"p50 {outcome.latency(0.5):5.0f} ms, p99 {outcome.latency(0.99):5.0f} ms, "
            f"{outcome.refused} refused, {outcome.blocks} blocks; validators {spent:.1f} CPU s "
            f"({1e6 * spent / 4 / max(1, outcome.committed):.0f} us a transaction each), "
            f"generator {time.process_time() - generator:.1f} CPU s, {outcome.late_ms:.0f} ms late",
            flush=True,
        )
        return outcome

    def climb(self, first: float) -> float:
        """The highest rate of the ladder that is held with p99 below the limit; 0 when none is."""
        best, rate, failed = 0.0, first, 0
        while failed < 2:
            if is_held(self.at(rate)):
                best, failed = rate, 0
            else:
                failed += 1
            rate += LADDER_STEP
        return best

    @property
    def peak(self) -> float:
        """The most that was committed in a second, on average over any step."""
        return max(one.committed_per_s for one in self.outcomes)

    def idle(self) -> tuple[int, float]:
        """Blocks made and cores used while nobody wants anything."""
        time.sleep(1)
        height, cpu = self._height(), self.validators.cpu_s()
        time.sleep(IDLE_S)
        return self._height() - height, (self.validators.cpu_s() - cpu) / IDLE_S

    def energy(self) -> tuple[float, str]:
        """Joules that the validators have used so far, and where the figure comes from."""
        readings = [_rpc(node, "energy") for node in self.validators.nodes]
        return sum(one["joules"] for one in readings), "/".join({one["watts_source"] for one in readings})

    def _height(self) -> int:
        return int(_rpc(self.node, "status")["sync_info"]["latest_block_height"])


def is_held(outcome: Outcome) -> bool:
    """Whether everything that was offered was committed, with p99 below the limit."""
    return outcome.committed == outcome.sent and outcome.latency(0.99) < P99_LIMIT_MS


def _rpc(node: DevnetNode, route: str) -> dict[str, Any]:
    result: dict[str, Any] = httpx.get(f"{node.rpc}/{route}", timeout=10, trust_env=False).json()["result"]
    return result
