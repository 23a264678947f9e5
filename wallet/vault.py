"""The vault: the port behind which the service's own key lies, and the file that holds it on a laptop.

Rules
- A secret at rest is AES-256-GCM under a key derived from the service's key; the AAD names the row and the
  use, so that a wrapped secret moved to another row does not open.
- A key for a purpose is derived by HKDF-SHA256 (RFC 5869) with the purpose in `info`; none serves two.
"""

import secrets
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.api import CanonicalError, b64u_decode
from wallet.errors import KeyUnavailable

NONCE_BYTES = 12


class Vault(Protocol):
    """What a key store must do. A KMS or a Vault server may stand behind it; none of its keys is ever logged.

    `wrap(secret, aad)` returns bytes that only `unwrap` with the same `aad` opens; `unwrap` raises
    KeyUnavailable otherwise. `derive(purpose)` returns the same 32 secret bytes for a purpose every time.
    """

    def wrap(self, secret: bytes, aad: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes: ...

    def derive(self, purpose: str) -> bytes: ...


class FileVault:
    """A vault whose 32-byte key is in memory, read from a file of base64url."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise KeyUnavailable(f"the service key must be 32 bytes, got {len(key)}")
        self._key = key
        self._wrapping = AESGCM(self.derive("wrap"))

    def __repr__(self) -> str:
        return "FileVault(…)"

    @classmethod
    def read(cls, path: Path) -> "FileVault":
        """The vault of the key file at `path`. Raises KeyUnavailable when it is absent or malformed."""
        try:
            return cls(b64u_decode(path.read_text().strip(), 32))
        except OSError as error:
            raise KeyUnavailable(f"the service key file cannot be read: {error.strerror}") from error
        except CanonicalError as error:
            raise KeyUnavailable("the service key file must hold 32 bytes as base64url") from error

    def wrap(self, secret: bytes, aad: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, secret, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], aad)
        except (InvalidTag, ValueError) as error:
            raise KeyUnavailable("a wrapped key does not open: another service key, or moved") from error

    def derive(self, purpose: str) -> bytes:
        return HKDF(SHA256(), 32, None, f"salus/vault/{purpose}/v1".encode()).derive(self._key)
