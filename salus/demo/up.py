"""Bring the demo up: validators, providers, people, records, the web server."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from salus.demo.cast import VALIDATORS
from salus.demo.environment import demo_environment, demo_home, ensure_secrets
from salus.demo.supervise import Child, StartFailed, Supervisor, supervisor_pid


def _say(text: str, since: float) -> None:
    print(f"  {time.monotonic() - since:5.1f} s  {text}", flush=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _check_ports(ports: list[int], hint: str) -> None:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise StartFailed(f"Port {port} is in use by another program. {hint}") from None


@contextlib.contextmanager
def _one_at_a_time(home: Path) -> Iterator[Path]:
    """Hold `run.json`; a second demo on the same home is refused, a stale file is taken over."""
    path = home / "run.json"
    if pid := supervisor_pid(home):
        raise StartFailed(f"This demo is running already (process {pid}). Stop it with Ctrl-C there.")
    path.write_text(json.dumps({"supervisor": os.getpid()}))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write_run_file(path: Path, children: list[Child]) -> None:
    pids = {child.name: child.process.pid for child in children if child.process and child.running}
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"supervisor": os.getpid(), "processes": pids}, indent=1))
    temporary.replace(path)


def _run(supervisor: Supervisor, *command: str) -> None:
    """Run one step of Python to its end, its progress on our screen."""
    done = subprocess.run([sys.executable, *command], env=supervisor.environment, check=False)
    if done.returncode:
        raise StartFailed(f"`python {' '.join(command)}` failed; what it printed is above.")


def _start_ledger(supervisor: Supervisor, home: Path, ledger_port: int) -> None:
    rpc_ports = [ledger_port + 10 * i + 1 for i in range(len(VALIDATORS))]
    _check_ports(
        [port for rpc in rpc_ports for port in (rpc - 1, rpc)],
        "Stop it, or choose others: python -m salus.demo up --ledger-port 27656",
    )
    validators = [supervisor.start_validator(home / "ledger" / name) for name in VALIDATORS]
    supervisor.wait_until(
        "The ledger",
        lambda: all(_answers(f"http://127.0.0.1:{port}/health") for port in rpc_ports),
        30,
        validators,
    )


def _watch(supervisor: Supervisor, run_file: Path, stop: threading.Event, restart: bool) -> None:
    """Until told to stop: bring dead processes back and say so."""
    while not stop.wait(0.5):
        if not restart:
            continue
        if restarted := supervisor.restart_dead(time.monotonic()):
            _write_run_file(run_file, supervisor.children)
            for child in restarted:
                print(f"  {child.name} had ended and was started again (log: {child.log})", flush=True)


def up(port: int, ledger_port: int, *, restart: bool) -> int:
    """Start everything and stay until Ctrl-C. Raises StartFailed with what to do next."""
    since, home, stop = time.monotonic(), demo_home(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    resumed = (home / "links.json").exists()
    print(f"Salus: {'resuming' if resumed else 'making'} the demo consortium in {home}", flush=True)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _one_at_a_time(home) as run_file:
        _check_ports([port], "Stop it, or choose another: python -m salus.demo up --port 8010")
        ensure_secrets(home)
        supervisor = Supervisor(home, demo_environment(home, port, ledger_port))
        try:
            _run(supervisor, "-m", "salus.demo.genesis", str(ledger_port))
            _start_ledger(supervisor, home, ledger_port)
            _say(f"ledger: {len(VALIDATORS)} validators answer", since)
            _run(supervisor, "manage.py", "migrate", "--verbosity", "0")
            _say("database: up to date", since)
            if stop.is_set():
                return 0
            _run(supervisor, "-m", "salus.demo", "provision")
            web = supervisor.start_web(port)
            supervisor.wait_until("The web server", lambda: _answers(f"http://127.0.0.1:{port}/"), 30, [web])
            _write_run_file(run_file, supervisor.children)
            _say("web server: ready", since)
            _print_links(home, port)
            _watch(supervisor, run_file, stop, restart)
        finally:
            supervisor.stop()
            # The terminal may be gone by now; the processes are stopped either way.
            with contextlib.suppress(OSError):
                print("\nEvery process has stopped. `make up` resumes, `make reset` forgets.", flush=True)
    return 0


def _print_links(home: Path, port: int) -> None:
    links = json.loads((home / "links.json").read_text())
    print(f"\nSalus is at http://localhost:{port}/   Everyone has an address of their own, so that you can")
    print("open patient and doctor side by side in one browser. Ctrl-C stops everything.\n")
    for link in links:
        print(f"  {link['who']}\n      http://{link['handle']}.localhost:{port}/signin/{link['token']}/")
    print(
        "\nThe scene: open Li Mei's link and set up her keys; open Dr Okafor's and ask for Li Mei's record"
        "\nwith the code on her page; approve on Li Mei's page; the record opens at the bedside.",
        flush=True,
    )
