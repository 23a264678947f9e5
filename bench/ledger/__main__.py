"""`make bench-ledger`: what the ledger takes, how fast, at what cost, against what Ed25519 alone would take.

Four validators as real processes on this machine, mTLS between them, fsync on; every validator verifies
every signature. The load is open loop and signed beforehand (`bench.ledger.workload`); real transactions have
about 670 bytes. One run measures 1,000, 3,000 and 5,000 tx/s, climbs from the first rate to where p99 passes
500 ms, offers twice the peak, and then nothing. Figures are medians over the runs; each step is printed.
"""

import argparse
import signal
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.common import foreign_load, report
from bench.ledger.prepared import prepare
from bench.ledger.processes import Validators, ceiling_tx_per_s
from bench.ledger.steps import Bench, is_held
from tests.free_ports import free_ports

BODY_BYTES = 560
"""What a signature covers, on average over the mix."""
RATES = (1_000, 3_000, 5_000)


def one_run(seconds: float, consents: int) -> dict[str, float | str]:
    """Figures of one network from its first start to its end."""
    with tempfile.TemporaryDirectory(prefix="salus-bench-ledger-") as folder:
        validators = Validators(prepare(Path(folder) / "net", consents, free_ports(40)))
        ceiling = ceiling_tx_per_s(BODY_BYTES)
        print(
            f"Ed25519 ceiling: {ceiling:.0f} tx/s (both cores' verifications a second, over four validators)"
        )
        validators.start()
        try:
            return {"ceiling_tx_per_s": ceiling} | _measure(Bench(validators, seconds), ceiling)
        finally:
            validators.stop()


def _measure(bench: Bench, ceiling: float) -> dict[str, float | str]:
    bench.at(1_000, 3)
    disk, (joules, _) = bench.validators.disk_bytes(), bench.energy()
    before = len(bench.outcomes)
    at = {rate: bench.at(rate) for rate in RATES}
    held = max([bench.climb(5_500), *(rate for rate, one in at.items() if is_held(one))])
    committed = sum(one.committed for one in bench.outcomes[before:])
    spent, source = bench.energy()
    figures = {
        f"p{int(100 * share)}_ms_at_{rate}": one.latency(share)
        for rate, one in at.items()
        for share in (0.5, 0.99)
    }
    per_tx = (bench.validators.disk_bytes() - disk) / committed
    peak = bench.peak
    overloaded = bench.at(2 * peak)
    blocks, cores = bench.idle()
    return figures | {
        "tx_per_s_p99_500ms": held,
        "peak_tx_per_s": peak,
        "ratio_to_ceiling": held / ceiling,
        "peak_to_ceiling": peak / ceiling,
        "overload_ratio": overloaded.committed_per_s / peak,
        "idle_blocks": blocks,
        "idle_cpu_cores": cores,
        "disk_bytes_per_tx": per_tx,
        "joules_per_tx": (spent - joules) / committed,
        "watts_source": source,
        "peak_mib": bench.validators.peak_mib(),
    }


def large(seconds: float, consents: int) -> dict[str, float]:
    """With that many consents in the state: the rate that is held, and a start from disk after kill -9."""
    with tempfile.TemporaryDirectory(prefix="salus-bench-ledger-") as folder:
        began = time.perf_counter()
        nodes = prepare(Path(folder) / "net", consents, free_ports(40))
        print(f"{consents} consents prepared in {time.perf_counter() - began:.0f} s", flush=True)
        validators = Validators(nodes)
        validators.start()
        try:
            bench = Bench(validators, seconds)
            bench.at(1_000, 3)
            held, peak = bench.climb(3_000), bench.peak
            memory = validators.peak_mib()
            one = Validators(nodes[:1], [validators.processes.pop(0)])
            one.stop(signal.SIGKILL)
            restart = one.start()
            validators.processes.insert(0, one.processes[0])
        finally:
            validators.stop()
        return {
            "tx_per_s_1m_consents": held,
            "peak_tx_per_s_1m_consents": peak,
            "restart_s_1m_consents": restart,
            "peak_mib_1m_consents": memory,
        }


def _median(values: Sequence[float | str]) -> float | str:
    """Of figures the median; of words all that were said."""
    numbers = [value for value in values if not isinstance(value, str)]
    return statistics.median(numbers) if numbers else "/".join(sorted({str(value) for value in values}))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each step")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--consents", type=int, default=60_000, help="in the state of the ordinary runs")
    parser.add_argument(
        "--large", type=int, default=1_000_000, help="consents of the large run; 0 leaves it out"
    )
    chosen = parser.parse_args()
    load = foreign_load()
    runs = [one_run(chosen.seconds, chosen.consents) for _ in range(chosen.runs)]
    figures = {name: _median([run[name] for run in runs]) for name in runs[0]}
    if chosen.large:
        figures |= large(chosen.seconds, chosen.large)
    report("ledger", figures, runs=chosen.runs, load=load)


if __name__ == "__main__":
    main()
