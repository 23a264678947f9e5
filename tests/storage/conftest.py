"""Storage under test: six providers in memory that can be made to fail, and small chunks."""

import io
import os
import threading
import uuid
from collections.abc import Callable, Iterator

import pytest

from storage.api import Policy, Storage, StoredRecord
from storage.models import Placement
from storage.providers.base import ObjectStat, ObjectWriter, Provider
from storage.providers.memory import MemoryProvider

CHUNK = 64


class FaultyProvider(Provider):
    """A memory provider whose answers a test may replace: `on_read(name, offset, length) -> bytes` etc."""

    def __init__(self, name: str, domain: str | None = None) -> None:
        self.memory = MemoryProvider(name, domain)
        self.name, self.domain = self.memory.name, self.memory.domain
        self.on_read: Callable[[str, int, int], bytes] = self.memory.read
        self.on_open: Callable[[str], ObjectWriter] = self.memory.open
        self.on_remove: Callable[[str], None] = lambda name: None
        self.reads = 0

    def open(self, name: str) -> ObjectWriter:
        return self.on_open(name)

    def read(self, name: str, offset: int, length: int) -> bytes:
        self.reads += 1
        return self.on_read(name, offset, length)

    def stat(self, name: str) -> ObjectStat:
        return self.memory.stat(name)

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        return self.memory.list(prefix)

    def delete(self, name: str) -> None:
        self.on_remove(name)
        self.memory.delete(name)

    def abandon(self, prefix: str) -> None:
        self.on_remove(prefix)
        self.memory.abandon(prefix)

    def probe(self) -> None:
        self.memory.probe()

    def wipe(self) -> None:
        """Lose everything."""
        self.memory.objects.clear()

    def hang(self, until: threading.Event) -> None:
        """Answer no read before `until` is set."""
        self.on_read = lambda *args: (until.wait(20), self.memory.read(*args))[1]


class Bench:
    """A Storage over six faulty providers, with the record's life in a few words."""

    def __init__(self, **policy: object) -> None:
        self.providers = [FaultyProvider(f"provider-{i}") for i in range(1, 7)]
        settings = {"chunk": CHUNK, "segment": 1024, "hedge": 0.2, "read_timeout": 2.0, "write_timeout": 2.0}
        self.policy = Policy(**{**settings, **policy})  # type: ignore[arg-type]
        self.storage = Storage(list(self.providers), self.policy)

    def put(self, data: bytes, key: bytes | None = None) -> tuple[StoredRecord, bytes]:
        key = key or os.urandom(32)
        return self.storage.put(io.BytesIO(data), record_id=new_id(), version=1, data_key=key), key

    def get(self, stored: StoredRecord, key: bytes) -> bytes:
        return b"".join(self.storage.read(stored.manifest, key))

    def at_slot(self, stored: StoredRecord, slot: int) -> FaultyProvider:
        """The provider that holds this slot of a record."""
        row = (
            Placement.objects.filter(manifest_id=stored.manifest, slot=slot)
            .values_list("pack__provider")
            .first()
        )
        return next(p for p in self.providers if row is not None and p.name == row[0])

    def objects(self) -> int:
        """How many objects lie at all providers together."""
        return sum(len(p.memory.objects) for p in self.providers)


def new_id() -> str:
    """A record id."""
    return str(uuid.uuid4())


@pytest.fixture
def bench() -> Bench:
    return Bench()
