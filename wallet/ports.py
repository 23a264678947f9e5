"""What the wallet reaches outside itself: the ledger, storage, the vault, the clock. Bound once per process.

By default each is made from the settings on first use; `bind` replaces one (another vault, a test's ledger).
"""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from django.conf import settings

from ledger.api import CommittedTx, Cursor, LedgerClient, LedgerEvent, VerifiedValue
from wallet.vault import FileVault, Vault

Buffer = bytes | bytearray | memoryview


class LedgerPort(Protocol):
    """The part of `ledger.api.LedgerClient` that the wallet uses; its contract is there."""

    def submit(self, wire: bytes) -> str: ...
    def commit(self, wire: bytes, timeout_s: float = 10.0) -> CommittedTx: ...
    def events_since(self, cursor: Cursor, limit: int = 500, wait_s: float = 0.0) -> list[LedgerEvent]: ...
    def query(self, key: str, min_height: int = 0) -> VerifiedValue: ...
    def proof_bundle(self, tx_hash: str) -> dict[str, Any]: ...
    def state_bundle(self, key: str) -> dict[str, Any]: ...
    def light_block(self, source: int, height: int | None = None) -> dict[str, Any]: ...


class StoredPort(Protocol):
    """What storing a record answers: see `storage.api.StoredRecord`."""

    @property
    def manifest(self) -> str: ...
    @property
    def root(self) -> bytes: ...
    @property
    def codec(self) -> str: ...
    @property
    def size(self) -> int: ...


class UploadPort(Protocol):
    def put(self, source: BinaryIO, *, record_id: str, version: int, data_key: bytes) -> StoredPort: ...


class StoragePort(Protocol):
    """The part of `storage.api.Storage` that the wallet uses; its contract is there."""

    def upload(self) -> AbstractContextManager[UploadPort]: ...
    def manifest(self, cid: str) -> bytes: ...
    def read_ciphertext(self, cid: str) -> Iterator[Buffer]: ...
    def read(self, cid: str, data_key: bytes) -> Iterator[bytes]: ...
    def erase(self, cid: str) -> object: ...


class Clock(Protocol):
    def __call__(self) -> int: ...


_bound: dict[str, object] = {}
_lock = threading.Lock()


def bind(**ports: object) -> None:
    """Set `ledger`, `storage`, `vault`, `clock` or `genesis`; None returns to the settings' own."""
    with _lock:
        for name, port in ports.items():
            _bound.pop(name, None)
            if port is not None:
                _bound[name] = port


def _port(name: str, make: Any) -> Any:
    with _lock:
        if name not in _bound:
            _bound[name] = make()
        return _bound[name]


def genesis() -> dict[str, Any]:
    """The ledger's genesis, the root of what this process trusts."""
    return cast(
        dict[str, Any], _port("genesis", lambda: json.loads(Path(settings.SALUS_LEDGER_GENESIS).read_text()))
    )


def chain_id() -> str:
    """The ledger's id, which every transaction and document names."""
    return str(genesis()["chain_id"])


def ledger() -> LedgerPort:
    trusted = genesis()
    return cast(LedgerPort, _port("ledger", lambda: LedgerClient(settings.SALUS_LEDGER_RPC, trusted)))


def storage() -> StoragePort:
    return cast(StoragePort, _port("storage", _storage_from_settings))


def vault() -> Vault:
    return cast(Vault, _port("vault", lambda: FileVault.read(Path(settings.SALUS_KEK_FILE))))


def now_ms() -> int:
    """The releaser's own clock: milliseconds since 1970 UTC."""
    return cast(Clock, _port("clock", lambda: lambda: time.time_ns() // 1_000_000))()


def gateways() -> Sequence[str]:
    """Slugs of the organisations whose gateway this process is; empty means all it holds keys for."""
    return list(settings.SALUS_GATEWAYS)


def _storage_from_settings() -> object:
    from storage.api import storage_from_settings

    return storage_from_settings()
