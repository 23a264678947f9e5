"""A whole demo consortium in a folder of its own: the same processes as `make up`, for tests and benches."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salus.demo.cast import VALIDATORS
from salus.demo.environment import demo_environment
from salus.demo.supervise import Child, Supervisor
from tests.free_ports import free_ports

ROOT = Path(__file__).resolve().parent.parent.parent


def bare_environment(home: Path) -> dict[str, str]:
    """What a newcomer's shell would hand over: none of the tests' own settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SALUS_", "DJANGO_"))}
    return {**kept, "SALUS_HOME": str(home), "SALUS_LOG_LEVEL": "INFO"}


def is_gone(pid: int) -> bool:
    """Whether no process has this id; a killed child that nobody has reaped yet counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@dataclass
class Consortium:
    """Starts `python -m salus.demo up` on free ports and reaches into its processes."""

    home: Path
    port: int = 0
    ledger_port: int = 0
    process: subprocess.Popen[bytes] | None = None
    _again: dict[str, Child] = field(default_factory=dict)

    def spawn(self, *, restart: bool = False) -> subprocess.Popen[bytes]:
        """Start `up` and return at once."""
        if not self.port:
            self.port = free_ports(50)
            self.ledger_port = self.port + 1
        command = [sys.executable, "-m", "salus.demo", "up", "--port", str(self.port)]
        command += ["--ledger-port", str(self.ledger_port)]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command if restart else [*command, "--no-restart"],
                cwd=ROOT,
                env=bare_environment(self.home),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self.process

    def start(self, *, restart: bool = False, timeout_s: float = 120) -> "Consortium":
        process = self.spawn(restart=restart)
        deadline = time.monotonic() + timeout_s
        while not self.ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the demo did not come up:\n{self.printed()[-4000:]}")
            time.sleep(0.2)
        return self

    @property
    def log_file(self) -> Path:
        return self.home.parent / f"{self.home.name}.up.log"

    def printed(self) -> str:
        """What `up` has printed so far, over all starts."""
        return self.log_file.read_text(errors="replace")

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
        """The demo's processes by name, those that were started again by a test included."""
        processes: dict[str, int] = json.loads((self.home / "run.json").read_text())["processes"]
        return {**processes, **{name: c.process.pid for name, c in self._again.items() if c.process}}

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill one process of the demo, by default without warning, and wait until it is gone."""
        pid = self.pids()[name]
        os.kill(pid, number)
        deadline = time.monotonic() + 10
        while not is_gone(pid):
            assert time.monotonic() < deadline, f"{name} did not end"
            time.sleep(0.02)

    def pause(self, *names: str) -> None:
        """Freeze processes in the middle of whatever they do: connections stay, answers do not come."""
        for name in names:
            os.kill(self.pids()[name], signal.SIGSTOP)

    def resume(self, *names: str) -> None:
        for name in names:
            os.kill(self.pids()[name], signal.SIGCONT)

    def start_validator(self, name: str) -> None:
        """Start a killed validator again, as an operator would; waits until it answers."""
        self._again[name] = self._supervisor().start_validator(self.home / "ledger" / name)
        self._wait_for(f"http://127.0.0.1:{self.rpc_port(VALIDATORS.index(name))}/health")

    def start_web(self) -> None:
        """Start a killed web server again; waits until it answers."""
        self._again["web"] = self._supervisor().start_web(self.port)
        self._wait_for(f"http://127.0.0.1:{self.port}/")

    def heal(self) -> None:
        """Bring back whatever a test has killed or paused."""
        for name, pid in self.pids().items():
            if is_gone(pid):
                self.start_web() if name == "web" else self.start_validator(name)
            else:
                os.kill(pid, signal.SIGCONT)

    def _supervisor(self) -> Supervisor:
        supervisor = Supervisor(self.home, self.environment())
        supervisor.environment = {**bare_environment(self.home), **self.environment()}
        return supervisor

    def _wait_for(self, url: str, timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < deadline, f"nothing answers at {url}"
                time.sleep(0.1)

    def stop(self) -> None:
        """Ctrl-C."""
        for child in self._again.values():
            if child.running and child.process:
                child.process.send_signal(signal.SIGCONT)
                child.process.terminate()
                child.process.wait(10)
        self._again.clear()
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of the demo's own `manage.py` commands to its end."""
        environment = {**bare_environment(self.home), **self.environment()}
        line = [sys.executable, "manage.py", *command]
        return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def link(self, handle: str) -> str:
        """The one-tap sign-in link of one person."""
        for entry in json.loads((self.home / "links.json").read_text()):
            if entry["handle"] == handle:
                return f"http://{handle}.localhost:{self.port}/signin/{entry['token']}/"
        raise KeyError(handle)

    def rpc_port(self, validator: int) -> int:
        return self.ledger_port + 10 * validator + 1

    def rpc(self, validator: int, route: str) -> Any:
        url = f"http://127.0.0.1:{self.rpc_port(validator)}/{route}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["result"]

    def height(self, validator: int = 0) -> int:
        return int(self.rpc(validator, "status")["sync_info"]["latest_block_height"])

    def committed(self, after: int = 0, validator: int = 0) -> Iterator[dict[str, Any]]:
        """The bodies of all transactions in blocks later than `after`, as one validator tells them."""
        for height in range(after + 1, self.height(validator) + 1):
            for tx in self.rpc(validator, f"block?height={height}")["block"]["data"]["txs"] or []:
                yield json.loads(base64.b64decode(tx))["body"]
