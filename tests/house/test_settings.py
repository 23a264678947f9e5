"""Settings are safe when nothing is set, and the demo's secrets are its own."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from salus.demo.environment import demo_environment, ensure_secrets

ROOT = Path(__file__).resolve().parent.parent.parent


def run_check(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SALUS_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_secret_the_service_refuses_to_start() -> None:
    done = run_check()
    assert done.returncode != 0
    assert "SALUS_SECRET_KEY" in done.stderr


def test_a_public_https_service_passes_the_deployment_check() -> None:
    done = run_check(
        SALUS_SECRET_KEY="k3" * 30 + "abcdefghij",
        SALUS_PUBLIC_URL="https://salus.example",
        SALUS_ALLOWED_HOSTS="salus.example",
    )
    assert done.returncode == 0, done.stderr


def test_the_demo_makes_its_own_secrets_once_and_keeps_them_to_its_owner(tmp_path: Path) -> None:
    ensure_secrets(tmp_path)
    first = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    ensure_secrets(tmp_path)
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert len(set(first.values())) == len(first) >= 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}
    environment = demo_environment(tmp_path, 8000, 26656)
    assert environment["SALUS_LEDGER_RPC"].split(",")[3] == "http://127.0.0.1:26687"
    assert "SALUS_DEBUG" not in environment
