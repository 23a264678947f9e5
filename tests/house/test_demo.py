"""The demo's own housekeeping: who holds it, and when it may be forgotten."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def reset(home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "salus.demo", "reset", "--yes"],
        cwd=ROOT,
        env={**os.environ, "SALUS_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def held_by(home: Path, pid: int) -> Path:
    (home / "ledger").mkdir(parents=True)
    (home / "run.json").write_text(json.dumps({"supervisor": pid}))
    return home


def test_a_running_demo_is_not_forgotten(tmp_path: Path) -> None:
    home = held_by(tmp_path / "var", os.getpid())
    assert reset(home).returncode == 1
    assert (home / "ledger").is_dir()


def test_a_demo_whose_supervisor_was_killed_can_be_forgotten(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    home = held_by(tmp_path / "var", gone.pid)
    assert reset(home).returncode == 0
    assert not home.exists()


def test_a_half_written_note_of_who_runs_it_holds_nobody_up(tmp_path: Path) -> None:
    home = held_by(tmp_path / "var", 1)
    (home / "run.json").write_text('{"superv')
    assert reset(home).returncode == 0
