"""The four validators as real processes, and what they use."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ledger.node.devnet import DevnetNode
from ledger.types.signing import public_key_of, sign, verify_ed25519

ROOT = Path(__file__).resolve().parents[2]
CORES = 2
VALIDATORS = 4
CEILING_S = 3.0


@dataclass
class Validators:
    """Processes of these homes."""

    nodes: tuple[DevnetNode, ...]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, module: str = "ledger.node") -> float:
        """Start all; returns the seconds until the last one answered."""
        began = time.perf_counter()
        for node in self.nodes:
            log = (node.home.parent / f"{node.moniker}.log").open("ab")
            command = [sys.executable, "-m", module, "--home", str(node.home)]
            self.processes.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log))
        for node in self.nodes:
            _until_answers(node)
        return time.perf_counter() - began

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        for process in self.processes:
            process.send_signal(number)
        for process in self.processes:
            process.wait(60)
        self.processes.clear()

    def cpu_s(self) -> float:
        """Processor seconds that all of them have used."""
        return sum(cpu_s(process.pid) for process in self.processes)

    def peak_mib(self) -> float:
        """The largest resident size that any of them reached."""
        return max(_status_kib(process.pid, "VmHWM") for process in self.processes) / 1024

    def disk_bytes(self) -> int:
        """What the first validator's data takes."""
        data = self.nodes[0].home / "data"
        return sum(file.stat().st_size for file in data.rglob("*") if file.is_file())


def cpu_s(pid: int) -> float:
    """Processor seconds, user and system, of a process."""
    parts = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def machine_busy_s() -> float:
    """Processor seconds that the whole machine has spent on anything but idling."""
    values = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(values) - values[3] - values[4]) / os.sysconf("SC_CLK_TCK")


def ceiling_tx_per_s(message_bytes: int) -> float:
    """Ed25519 verifications a second of both cores together, by the ledger's own verifier, over the four
    validators that each verify every transaction."""
    with multiprocessing.Pool(CORES) as pool:
        return sum(pool.map(_verify_rate, [message_bytes] * CORES, chunksize=1)) / VALIDATORS


def _verify_rate(message_bytes: int) -> float:
    seed, message = os.urandom(32), os.urandom(message_bytes)
    public, signature = public_key_of(seed), sign(seed, message)
    done, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < CEILING_S:
        for _ in range(100):
            verify_ed25519(public, message, signature)
        done += 100
    return done / passed


def _status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def _until_answers(node: DevnetNode, within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while True:
        try:
            httpx.get(f"{node.rpc}/health", timeout=2, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
