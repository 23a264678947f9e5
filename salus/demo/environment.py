"""The demo's own secrets and settings, made once below SALUS_HOME and never shared with production."""

import base64
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

ROOT = Path(__file__).resolve().parent.parent.parent


def demo_home() -> Path:
    return Path(os.environ.get("SALUS_HOME", ROOT / "var")).resolve()


def _write_secret(path: Path, content: bytes) -> None:
    """Write once, readable by the owner only; an existing secret is never replaced."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_bytes(content)
    temporary.replace(path)


def _random_text() -> bytes:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=")


def _pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def ensure_secrets(home: Path) -> None:
    """Make what is missing: session secret, key-encryption key, token key, push key, authority key."""
    keys = home / "keys"
    _write_secret(keys / "django", _random_text())
    _write_secret(keys / "kek", _random_text())
    _write_secret(keys / "authority", _random_text())
    _write_secret(keys / "authority-recovery", _random_text())
    _write_secret(keys / "token.pem", _pem(ed25519.Ed25519PrivateKey.generate()))
    _write_secret(keys / "vapid.pem", _pem(ec.generate_private_key(ec.SECP256R1())))


def demo_environment(home: Path, port: int, ledger_port: int) -> dict[str, str]:
    """The variables under which every process of the demo runs."""
    rpc = ",".join(f"http://127.0.0.1:{ledger_port + 10 * i + 1}" for i in range(4))
    return {
        "DJANGO_SETTINGS_MODULE": "salus.settings",
        "SALUS_DEMO": "true",
        "SALUS_HOME": str(home),
        "SALUS_SECRET_KEY": (home / "keys" / "django").read_text(),
        "SALUS_ALLOWED_HOSTS": "localhost,127.0.0.1,.localhost",
        "SALUS_PUBLIC_URL": f"http://localhost:{port}",
        "SALUS_LEDGER_RPC": rpc,
        "SALUS_LEDGER_GENESIS": str(home / "ledger" / "genesis.json"),
    }
