"""A real thin node process, and what it said."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ledger.api import LedgerClient
from tests.free_ports import free_ports
from tests.ledger.cluster.network import ROOT, Network


@dataclass
class Thin:
    """One thin node over `validators`, its home below the network's."""

    network: Network
    validators: Sequence[str]
    name: str = "thin"
    options: Sequence[str] = ()
    module: str = "ledger.thin"
    port: int = field(default_factory=lambda: free_ports(1))
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return self.network.home / self.name

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self, *more: str) -> "Thin":
        """Start it as its first start, whether or not it has a home already."""
        command = [sys.executable, "-m", self.module, "--home", str(self.home)]
        first = ["--genesis", str(self.network.home / "genesis.json"), "--listen", f"127.0.0.1:{self.port}"]
        log = (self.network.home / f"{self.name}.log").open("ab")
        self.process = subprocess.Popen(
            [*command, *first, "--validators", *self.validators, *self.options, *more],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        return self

    def again(self) -> "Thin":
        """Start it from its home alone."""
        log = (self.network.home / f"{self.name}.log").open("ab")
        command = [sys.executable, "-m", self.module, "--home", str(self.home)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log)
        return self

    def start(self, *more: str) -> "Thin":
        """Launch it, and wait until it has verified something."""
        self.launch(*more)
        self.until(lambda: self.height() > 0, "a first header is verified")
        return self

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End it: without warning unless told otherwise. Its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(15)
        self.process = None
        return code

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The JSON-RPC answer, whole."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer: dict[str, Any] = httpx.post(self.url, json=request, timeout=30, trust_env=False).json()
        return answer

    def result(self, method: str, **params: Any) -> Any:
        """The result of a call that must succeed."""
        answer = self.call(method, **params)
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, **params: Any) -> dict[str, Any]:
        """The error of a call that must fail."""
        answer = self.call(method, **params)
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        return error

    def height(self) -> int:
        try:
            answer = self.call("status")
        except httpx.HTTPError:
            return 0
        if "error" in answer:
            return 0
        return int(answer["result"]["sync_info"]["latest_block_height"])

    def client(self) -> LedgerClient:
        return LedgerClient([self.url], self.network.genesis)

    def log(self) -> str:
        return (self.network.home / f"{self.name}.log").read_text()

    def rss_mib(self) -> float:
        """Resident memory of the process, in MiB."""
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def until(self, condition: Callable[[], bool], what: str, within_s: float = 20) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within_s} s: {what}\n{self.log()[-3000:]}")
            time.sleep(0.05)
