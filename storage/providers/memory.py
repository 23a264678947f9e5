"""A provider in this process's memory: for tests, and for the contract suite to compare others with."""

import threading
from collections.abc import Iterator

from storage.core.cipher import Buffer

from .base import ObjectMissing, ObjectStat, ObjectWriter, Provider, RangeMissing, checked_name


class MemoryProvider(Provider):
    """Objects in a dict."""

    def __init__(self, name: str, domain: str | None = None) -> None:
        self.name, self.domain = name, domain or name
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def open(self, name: str) -> ObjectWriter:
        return _MemoryWriter(self, checked_name(self.name, "open", name))

    def store(self, name: str, data: bytes) -> None:
        """Make an object visible."""
        with self._lock:
            self.objects[name] = data

    def read(self, name: str, offset: int, length: int) -> bytes:
        data = self._get("read", name)[offset : offset + length]
        if len(data) != length:
            raise RangeMissing(
                self.name, "read", name, f"{length} bytes at {offset} asked, {len(data)} there"
            )
        return data

    def stat(self, name: str) -> ObjectStat:
        return ObjectStat(name, len(self._get("stat", name)))

    def list(self, prefix: str) -> Iterator[ObjectStat]:
        with self._lock:
            found = sorted(
                (name, len(data)) for name, data in self.objects.items() if name.startswith(prefix)
            )
        return iter([ObjectStat(name, length) for name, length in found])

    def delete(self, name: str) -> None:
        with self._lock:
            self.objects.pop(checked_name(self.name, "delete", name), None)

    def abandon(self, prefix: str) -> None:
        checked_name(self.name, "abandon", prefix.rstrip("/"))
        for found in self.list(prefix):
            self.delete(found.name)

    def probe(self) -> None:
        """Memory is always there."""

    def _get(self, operation: str, name: str) -> bytes:
        with self._lock:
            data = self.objects.get(checked_name(self.name, operation, name))
        if data is None:
            raise ObjectMissing(self.name, operation, name, "no such object")
        return data


class _MemoryWriter(ObjectWriter):
    def __init__(self, provider: MemoryProvider, name: str) -> None:
        self._provider, self._name, self._data = provider, name, bytearray()

    def write(self, data: Buffer) -> None:
        self._data += data

    def finish(self) -> int:
        self._provider.store(self._name, bytes(self._data))
        return len(self._data)

    def abort(self) -> None:
        self._data.clear()
