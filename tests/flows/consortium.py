"""A whole demo consortium in a folder of its own: the same processes as `make up`, for tests and benches."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salus.demo.environment import demo_environment

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port_block(size: int) -> int:
    """The first of `size` neighbouring free loopback ports."""
    for first in range(30000 + os.getpid() % 997 * 20, 60000, size):
        sockets = []
        try:
            for port in range(first, first + size):
                probe = socket.socket()
                sockets.append(probe)
                probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for probe in sockets:
                probe.close()
    raise RuntimeError("no block of free ports")


@dataclass
class Consortium:
    """Starts `python -m salus.demo up` on free ports and reaches into its processes."""

    home: Path
    port: int = 0
    ledger_port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, restart: bool = False, timeout_s: float = 120) -> "Consortium":
        if not self.port:
            self.port = free_port_block(50)
            self.ledger_port = self.port + 1
        command = [sys.executable, "-m", "salus.demo", "up", "--port", str(self.port)]
        command += ["--ledger-port", str(self.ledger_port)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SALUS_", "DJANGO_"))}
        log = (self.home.parent / f"{self.home.name}.up.log").open("ab")
        self.process = subprocess.Popen(
            command if restart else [*command, "--no-restart"],
            cwd=ROOT,
            env={**environment, "SALUS_HOME": str(self.home), "SALUS_LOG_LEVEL": "INFO"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + timeout_s
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (self.home.parent / f"{self.home.name}.up.log").read_text(errors="replace")
                raise AssertionError(f"the demo did not come up:\n{text[-4000:]}")
            time.sleep(0.2)
        return self

    def environment(self) -> dict[str, str]:
        """The variables under which this demo's own commands run."""
        return demo_environment(self.home, self.port, self.ledger_port)

    def ready(self) -> bool:
        try:
            pids = self.pids()
        except (OSError, ValueError, KeyError):
            return False
        if "web" not in pids:
            return False
        with closing(socket.socket()) as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def pids(self) -> dict[str, int]:
        processes: dict[str, int] = json.loads((self.home / "run.json").read_text())["processes"]
        return processes

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill one process of the demo, by default without warning, and wait until it is gone."""
        pid = self.pids()[name]
        os.kill(pid, number)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                # A killed child stays a zombie until its supervisor reaps it: that counts as gone.
                if Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z":
                    return
                os.kill(pid, 0)
            except (ProcessLookupError, FileNotFoundError):
                return
            time.sleep(0.02)
        raise AssertionError(f"{name} did not end")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def link(self, handle: str) -> str:
        """The one-tap sign-in link of one person."""
        for entry in json.loads((self.home / "links.json").read_text()):
            if entry["handle"] == handle:
                return f"http://{handle}.localhost:{self.port}/signin/{entry['token']}/"
        raise KeyError(handle)

    def rpc(self, validator: int, route: str) -> Any:
        import urllib.request

        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.ledger_port + 10 * validator + 1}/{route}", timeout=5
        ) as answer:
            return json.load(answer)["result"]
