"""Files of a submission on disk while they are looked at: one nameless file, gone when it is closed.

Plaintext rests here for seconds. The file has mode 0600 and no name, so that nothing stays behind even when
the process is killed.
"""

import hashlib
import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Kept:
    """Where a file lies in the spool, its size in bytes and its SHA-256 (hex)."""

    offset: int
    size: int
    sha256: str


class Spool:
    """Takes files one after another and reads each again on its own. Not for several threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, source: BinaryIO) -> Kept:
        """Copy `source` from its start."""
        source.seek(0)
        offset, digest = self._file.seek(0, os.SEEK_END), hashlib.sha256()
        while data := source.read(_CHUNK):
            digest.update(data)
            self._file.write(data)
        self._file.flush()
        return Kept(offset, self._file.tell() - offset, digest.hexdigest())

    def drop(self, last: Kept) -> None:
        """Forget the file that was added last."""
        self._file.truncate(last.offset)

    def open(self, kept: Kept) -> BinaryIO:
        """The file, readable and seekable, while the spool is open."""
        return io.BufferedReader(_Window(self._file.fileno(), kept))


class _Window(io.RawIOBase):
    """One file of the spool. pydicom asks a buffered file for its name; this one has none."""

    name = ""

    def __init__(self, descriptor: int, kept: Kept) -> None:
        self._descriptor, self._kept, self._at = descriptor, kept, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(self._kept.size - self._at, 0)]
        count = os.preadv(self._descriptor, [view], self._kept.offset + self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._kept.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at
