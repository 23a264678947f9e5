"""`python -m bench.snapshot [CONSENTS]`: what a snapshot of a large state costs, and restoring it.

One process that holds the state, its event loop, and a timer that should ring every millisecond. `late_*` is
how late it rings, in ms, while a snapshot is written, `quiet_*` the same while none is; `cpu_s` what the
process spent on it, ringing included. `restore_s` is from the files to the state, `peak_mb` the greatest
resident memory of all this. Making the state is not counted.
"""

import asyncio
import gc
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import Process
from pathlib import Path

import uvloop

from bench.common import foreign_load, percentile, report
from bench.ledger.prepared import prepare
from ledger.node.block_store import BlockStore
from ledger.node.executor import Executor
from ledger.node.home import Home
from ledger.node.snapshot_shelf import SnapshotShelf
from ledger.node.snapshot_writer import SnapshotWriter
from ledger.types.genesis import Genesis
from tests.free_ports import free_ports

TICK_S = 0.001
QUIET_S = 3.0


async def lateness(goes_on: Callable[[], bool]) -> list[float]:
    """How late a timer rings, in ms, as long as something goes on."""
    late = []
    while goes_on():
        due = time.perf_counter() + TICK_S
        await asyncio.sleep(TICK_S)
        late.append(1000 * (time.perf_counter() - due))
    return late


async def measure(executor: Executor, shelf: SnapshotShelf) -> dict[str, float]:
    """The figures of one snapshot."""
    until = time.perf_counter() + QUIET_S
    quiet = await lateness(lambda: time.perf_counter() < until)
    began, cpu = time.perf_counter(), time.process_time()
    SnapshotWriter(shelf, every=1).committed(executor.state, 0, executor.app.snapshot)
    taken = time.perf_counter() - began
    late = await lateness(lambda: not shelf.labels)
    return {
        "taken_ms": 1000 * taken,
        "quiet_p99_ms": percentile(quiet, 0.99),
        "late_p99_ms": percentile(late, 0.99),
        "late_max_ms": max(late),
        "written_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
        "mb": sum(path.stat().st_size for path in shelf._folder.iterdir()) / 1e6,
    }


def main() -> None:
    consents = int(sys.argv[1] if len(sys.argv) > 1 else 1_000_000)
    load = foreign_load()
    with tempfile.TemporaryDirectory(prefix="salus-bench-snapshot-") as folder:
        # Made in another process, whose memory is not counted.
        made = Process(target=prepare, args=(Path(folder) / "net", consents, free_ports(40)))
        made.start()
        made.join()
        home = Home(Path(folder) / "net" / "north-lake")
        genesis = Genesis.read(home.genesis.read_bytes())
        began = time.perf_counter()
        store = BlockStore(home.blocks)
        executor = Executor(genesis, store, SnapshotShelf(home.snapshots), snapshot_every=10**9)
        restore_s = time.perf_counter() - began
        gc.freeze()
        figures = uvloop.run(measure(executor, SnapshotShelf(Path(folder) / "shelf")))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    figures |= {"restore_s": restore_s, "peak_mb": peak, "consents": consents}
    report("snapshot", figures, runs=1, load=load)


if __name__ == "__main__":
    main()
