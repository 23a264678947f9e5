"""`python -m bench.state_sync [BLOCKS] [RUNS]`: how fast a fresh validator joins a long ledger by state sync.

Four validator processes hold the same BLOCKS real blocks (one registration each); a fifth, with an empty
home, is let in by the organisations and started. `join_s` is from starting its process until it stands at the
others' height with their app hash; `signs_s` until its precommit is in a block. `received_mb` is what its
connections brought it until then. Then it is stopped, and started again: `restart_s` until it stands where it
stood. `member_restart_s` is the same of a validator that holds every block. `peak_mb` is the newcomer's
greatest resident memory. Medians over the runs; making the ledger is not counted.
"""

import re
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.common import foreign_load, report
from ledger.node.devnet import init_newcomer
from tests.free_ports import free_ports
from tests.ledger.cluster.governance import agree, electors_of, joining, step
from tests.ledger.cluster.long_ledger import make_long_network
from tests.ledger.cluster.network import MONIKERS, Network

NEWCOMER = "lakeside"
EVERYBODY = (*MONIKERS, NEWCOMER)


def until(condition: Callable[[], bool], began: float) -> float:
    """Seconds from `began` until the condition holds."""
    while not condition():
        if time.monotonic() - began > 300:
            raise SystemExit("no progress for 300 s: see the validators' logs")
        time.sleep(0.01)
    return time.monotonic() - began


def here(network: Network, moniker: str) -> bool:
    return network.answers(moniker) and network.same_state((moniker, "north-lake"))


def peak_mb(network: Network) -> float:
    status = Path(f"/proc/{network.processes[NEWCOMER].pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1000


def received_mb(network: Network) -> float:
    """What the newcomer's connections brought, as it says when it stops."""
    return sum(map(int, re.findall(r" received=(\d+)", network.log(NEWCOMER)))) / 1e6


def forget(network: Network) -> None:
    """Empty the newcomer's home but for its keys and what it signed."""
    data = network.node(NEWCOMER).home / "data"
    for name in ("blocks.log", "wal.log"):
        (data / name).unlink(missing_ok=True)
    shutil.rmtree(data / "snapshots", ignore_errors=True)
    (network.home / f"{NEWCOMER}.log").unlink(missing_ok=True)


def measure(network: Network) -> dict[str, float]:
    """One newcomer's way in."""
    forget(network)
    began = time.monotonic()
    network.launch(NEWCOMER)
    figures = {"join_s": until(lambda: here(network, NEWCOMER), began)}
    client, address = network.client(*MONIKERS), network.address(NEWCOMER)

    def signs() -> bool:
        step(client, 1)
        return network.signed(address, network.height("north-lake") - 1)

    figures["signs_s"] = until(signs, began)
    figures["peak_mb"] = peak_mb(network)
    network.kill(NEWCOMER, number=signal.SIGTERM)
    figures["received_mb"] = received_mb(network)
    for name, moniker in (("restart_s", NEWCOMER), ("member_restart_s", "riverside")):
        if moniker in network.processes:
            network.kill(moniker, number=signal.SIGTERM)
        began = time.monotonic()
        network.launch(moniker)
        figures[name] = until(lambda moniker=moniker: here(network, moniker), began)
    network.kill(NEWCOMER)
    client.close()
    return figures


def main() -> None:
    blocks = int(sys.argv[1] if len(sys.argv) > 1 else 100_000)
    runs = int(sys.argv[2] if len(sys.argv) > 2 else 3)
    load = foreign_load()
    with tempfile.TemporaryDirectory(prefix="salus-bench-sync-") as folder:
        network = make_long_network(Path(folder) / "net", blocks)
        try:
            network.start(within_s=300)
            newcomer = init_newcomer(network.home, NEWCOMER, free_ports(10), network.nodes)
            network.nodes = (*network.nodes, newcomer.node)
            client = electors_of(network)
            agree(client, joining(newcomer))
            step(client, 3)
            client.close()
            measured = [measure(network) for _ in range(runs)]
        finally:
            network.kill(*network.processes)
    middle = {name: statistics.median(one[name] for one in measured) for name in measured[0]}
    report("state_sync", {**middle, "blocks": blocks}, runs=runs, load=load)


if __name__ == "__main__":
    main()
