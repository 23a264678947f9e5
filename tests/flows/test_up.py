"""`python -m salus.demo up` itself: killed, resumed, refused, stopped, forgotten."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from salus.demo.cast import PATIENTS
from tests.flows.conftest import Cast
from tests.flows.consortium import ROOT, Consortium, bare_environment, is_gone

KILLED_WITHIN_S = 60


def demo(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the demo to its end."""
    command = [sys.executable, "-m", "salus.demo", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=bare_environment(home), capture_output=True, text=True, check=False, timeout=60
    )


def of_this_demo(home: Path) -> list[int]:
    """Every living process that runs in this home."""
    mark, found = f"SALUS_HOME={home}".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and not is_gone(int(entry.name)):
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    return found


def kill_all(home: Path) -> None:
    for pid in of_this_demo(home):
        os.kill(pid, signal.SIGKILL)
    wait_until_none(home)


def wait_until_none(home: Path, timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while left := of_this_demo(home):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)


def rows(home: Path, query: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(f"file:{home / 'db.sqlite3'}?mode=ro", uri=True, timeout=20)) as database:
        return database.execute(query).fetchall()


def records(home: Path) -> Counter[str]:
    """How many records each patient has."""
    query = (
        "SELECT p.handle, count(*) FROM wallet_record r "
        "JOIN accounts_person p ON p.id = r.patient_id GROUP BY 1"
    )
    return Counter({handle: int(number) for handle, number in rows(home, query)})


def storing(home: Path) -> bool:
    """Whether shards are being written. Asks the files: a reader of the database disturbs its start."""
    return any(found.is_file() for found in (home / "storage").rglob("*"))


def test_killed_in_the_middle_of_ingest_it_resumes_with_nothing_lost_or_doubled(
    tmp_path: Path, calm: Cast
) -> None:
    home = tmp_path / "home"
    consortium = Consortium(home)
    try:
        process = consortium.spawn()
        deadline = time.monotonic() + KILLED_WITHIN_S
        while not storing(home):
            assert process.poll() is None, consortium.printed()
            assert time.monotonic() < deadline, consortium.printed()
            time.sleep(0.01)
        kill_all(home)
        process.wait(10)
        assert len(records(home)) < len(PATIENTS), "killed too late to tell anything"

        consortium.start()
        # It holds what a demo that was never disturbed holds: nothing lost, nothing doubled.
        assert records(home) == records(calm.consortium.home)
        _check_refusals(consortium, tmp_path)
        _check_stop_and_resume(consortium)
        consortium.stop()
        assert of_this_demo(home) == []
        forgotten = demo(home, "reset", "--yes")
        assert (forgotten.returncode, home.exists()) == (0, False)
    finally:
        consortium.stop()
        kill_all(home)


def _check_refusals(consortium: Consortium, tmp_path: Path) -> None:
    running = demo(consortium.home, "reset", "--yes")
    assert running.returncode == 1
    assert "The demo is running. Stop it with Ctrl-C first." in running.stderr
    assert (consortium.home / "db.sqlite3").exists()

    twice = demo(consortium.home, "up", "--port", str(consortium.port + 40))
    assert twice.returncode == 1
    assert "This demo is running already" in twice.stderr

    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        busy = demo(tmp_path / "elsewhere", "up", "--port", str(port))
    assert busy.returncode == 1
    assert f"Port {port} is in use by another program." in busy.stderr
    assert "--port" in busy.stderr.partition("in use")[2]


def _check_stop_and_resume(consortium: Consortium) -> None:
    home = consortium.home
    people = sorted(entry["who"] for entry in json.loads((home / "links.json").read_text()))
    before, height = records(home), consortium.height()
    processes = consortium.pids()
    assert set(processes) >= {"web", "riverside", "north-lake", "harbour", "health-authority"}
    consortium.stop()
    wait_until_none(home)
    assert all(is_gone(pid) for pid in processes.values())
    assert "Every process has stopped." in consortium.printed()

    consortium.start()
    assert "resuming the demo consortium" in consortium.printed()
    assert sorted(entry["who"] for entry in json.loads((home / "links.json").read_text())) == people
    assert records(home) == before
    assert consortium.height() >= height
