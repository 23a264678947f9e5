"""What only a process of its own can show: death in the middle of a put, and memory that does not grow."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with storage's tables."""
    folder = tmp_path_factory.mktemp("migrated")
    run(folder, "-m", "tests.storage.process", "migrate")
    return folder / "db.sqlite3"


@pytest.fixture
def home(tmp_path: Path, migrated: Path) -> Path:
    """A storage home of its own."""
    shutil.copy(migrated, tmp_path)
    return tmp_path


def environment(home: Path, lease: float = 600) -> dict[str, str]:
    return {
        **os.environ,
        "STORAGE_TEST_HOME": str(home),
        "STORAGE_TEST_LEASE": str(lease),
        "DJANGO_SETTINGS_MODULE": "tests.storage.process_settings",
    }


def run(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(home: Path, table: str) -> int:
    with sqlite3.connect(home / "db.sqlite3") as database:
        return int(database.execute(f"select count(*) from storage_{table}").fetchone()[0])


def files(home: Path) -> list[Path]:
    return [path for i in range(1, 7) for path in (home / f"provider-{i}").rglob("*") if path.is_file()]


@pytest.mark.parametrize("megabytes", [9, 300], ids=["within a segment", "in a second segment"])
def test_a_put_killed_midway_shows_nothing_and_is_swept(home: Path, megabytes: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.process", "hang", str(megabytes)],
        env=environment(home, lease=1.0),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "hanging\n"
    deadline = time.monotonic() + 20
    while not _reached_all(home, megabytes << 20) and time.monotonic() < deadline:
        time.sleep(0.05)  # the writers' threads are at work: let bytes reach every provider
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert len(files(home)) >= 6, "the kill came while bytes lay at the providers"
    assert (rows(home, "manifest"), rows(home, "placement"), rows(home, "pendingupload")) == (0, 0, 1)

    time.sleep(1.1)  # the lease of a dead process runs out
    if megabytes == 9:
        assert "to remove: 1 abandoned" in run(home, "-m", "django", "storage_sweep", "--dry-run")
        assert rows(home, "pendingupload") == 1
    assert "removed: 1 uploads" in run(home, "-m", "django", "storage_sweep")
    assert files(home) == []
    assert rows(home, "pendingupload") == 0
    assert rows(home, "keyuse") == 1, "its key stays spent"


def _reached_all(home: Path, size: int) -> bool:
    """Whether all six providers hold a file and together as many bytes as were put in."""
    found = files(home)
    return len(found) >= 6 and sum(path.stat().st_size for path in found) >= size


@pytest.mark.parametrize("megabytes", [200, pytest.param(500, marks=pytest.mark.full)])
def test_memory_does_not_grow_with_the_record(home: Path, megabytes: int) -> None:
    told = json.loads(run(home, "-m", "tests.storage.process", "weigh", str(megabytes)))
    assert told["right"]
    assert told["put_rss_mb"] < 64, told
    assert told["both_rss_mb"] < 64, told
    assert told["put_python_mb"] < 48, told
    assert told["get_python_mb"] < 48, told


def test_eight_threads_put_read_and_erase_at_once(home: Path) -> None:
    assert json.loads(run(home, "-m", "tests.storage.process", "crowd")) == []
    assert files(home) == []
