"""Start the demo's processes, keep them running, stop every one of them."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

STOP_GRACE_S = 8.0
RESTART_AFTER_S = 2.0


PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """On Linux, let the kernel end a child whose supervisor was killed, so that none is left behind."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def supervisor_pid(home: Path) -> int | None:
    """The process that runs the demo in `home`; None when none does, whatever a killed one left behind."""
    try:
        pid = int(json.loads((home / "run.json").read_text())["supervisor"])
        os.kill(pid, 0)
    except PermissionError:  # alive, and someone else's
        return pid
    except (OSError, ValueError, KeyError):
        return None
    return pid


class StartFailed(Exception):
    """A process ended, or did not answer, while the demo was starting."""


@dataclass
class Child:
    """One process of the demo, its log file and how it is started again."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    died_at: float | None = None
    _stream: IO[bytes] | None = field(default=None, repr=False)

    def start(self, environment: dict[str, str]) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._stream or self.log.open("ab")
        # A session of its own: Ctrl-C reaches only the supervisor, which stops children in order.
        self.process = subprocess.Popen(
            self.command,
            env=environment,
            stdout=self._stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # no other thread runs while children start
        )
        self.died_at = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def log_tail(self, lines: int = 12) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Supervisor:
    """Owns the children: starts, restarts those that die, stops all on the way out."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = {**os.environ, **environment}
        self.children: list[Child] = []

    def start(self, name: str, command: list[str]) -> Child:
        child = Child(name=name, command=command, log=self.home / "log" / f"{name}.log")
        child.start(self.environment)
        self.children.append(child)
        return child

    def start_validator(self, home: Path) -> Child:
        return self.start(home.name, [sys.executable, "-m", "ledger.node", "--home", str(home)])

    def start_web(self, port: int) -> Child:
        command = [sys.executable, "-m", "uvicorn", "salus.asgi:application", "--host", "127.0.0.1"]
        command += ["--port", str(port), "--loop", "uvloop", "--ws", "websockets-sansio"]
        command += ["--ws-per-message-deflate", "false", "--no-access-log", "--log-level", "warning"]
        return self.start("web", [*command, "--timeout-graceful-shutdown", "3"])

    def wait_until(
        self, what: str, ready: Callable[[], bool], timeout_s: float, children: list[Child]
    ) -> None:
        """Poll `ready`; raise StartFailed with the log's end when a child dies or time runs out."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            for child in children:
                if not child.running:
                    raise StartFailed(f"{child.name} ended while starting. Its log says:\n{child.log_tail()}")
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- {c.name}\n{c.log_tail()}" for c in children)
                raise StartFailed(f"{what} did not come up within {timeout_s:.0f} s.\n{tails}")
            time.sleep(0.1)

    def restart_dead(self, now: float) -> list[Child]:
        """Start again whatever died at least RESTART_AFTER_S ago; returns what was restarted."""
        restarted = []
        for child in self.children:
            if child.running:
                continue
            child.died_at = child.died_at or now
            if now - child.died_at >= RESTART_AFTER_S:
                child.start(self.environment)
                restarted.append(child)
        return restarted

    def stop(self) -> None:
        """TERM in reverse order of starting (web before ledger), KILL what does not go."""
        for child in reversed(self.children):
            if child.running and child.process:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE_S
        for child in reversed(self.children):
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self.children.clear()
