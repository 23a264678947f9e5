"""Chunks of a snapshot that is being fetched, so that a node which is killed need not fetch them again.

Rules
- A chunk's file is named by its SHA-256, and checked against it when it is read: a torn one is fetched again.
- Only chunks of the snapshot that is being fetched stay; what belongs to another one goes.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path


class ChunkStash:
    """One file per chunk in `folder`, which exists only while a snapshot is fetched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, digests: Iterable[bytes]) -> int:
        """Keep only these from now on; returns how many of them are here."""
        self._folder.mkdir(exist_ok=True)
        wanted = {digest.hex() for digest in digests}
        here = list(self._folder.iterdir())
        for path in here:
            if path.name not in wanted:
                path.unlink()
        return sum(path.name in wanted for path in here)

    def put(self, data: bytes) -> None:
        """Keep a chunk. It need not survive a power cut: then it is fetched again."""
        (self._folder / hashlib.sha256(data).hexdigest()).write_bytes(data)

    def get(self, digest: bytes) -> bytes | None:
        """The chunk with this SHA-256, if it is here whole."""
        path = self._folder / digest.hex()
        if not path.exists():
            return None
        data = path.read_bytes()
        return data if hashlib.sha256(data).digest() == digest else None

    def clear(self) -> None:
        """The snapshot is taken over, or given up."""
        if self._folder.exists():
            for path in self._folder.iterdir():
                path.unlink()
            self._folder.rmdir()
