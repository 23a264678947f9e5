"""The VAPID key (RFC 8292) by which push services know this server. Without one, push is off."""

import base64
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings


def vapid_key_create(path: Path) -> None:
    """Write a fresh P-256 key as PEM, readable by the service alone; an existing file is left as it is."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@lru_cache(maxsize=4)
def _public(path: str) -> str:
    key = load_pem_private_key(Path(path).read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"SALUS_VAPID_KEY_FILE holds {type(key).__name__}, expected a P-256 key (RFC 8292)")
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def application_server_key() -> str:
    """What the browser subscribes with (base64url, uncompressed point); "" when push is off."""
    path = Path(settings.SALUS_VAPID_KEY_FILE)
    return _public(str(path)) if path.is_file() else ""
