"""An append-only file of checked records: what the write-ahead log and the block store are written with.

Rules
- A record is `length (4) ‖ CRC-32 of the length (4) ‖ first half of the payload's SHA-256 (16) ‖ payload`,
  integers big-endian.
- What a crash can do to the end of the file is undone: an incomplete last record is cut off, and so is one
  that breaks off into zeros which reach to the end of the file: space that the file system had taken, for
  this record and those after it, and not filled. They were never synced, so nothing relied on them.
- Anything else that does not check out was changed after it was written. The file is refused, never repaired:
  cutting it there would silently forget what follows.
- `append` buffers in the process; only `sync` makes what was appended survive a crash of the machine.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ledger.node import metrics
from ledger.node.errors import FileCorrupt

_LENGTH = struct.Struct(">I")
_HEADER_BYTES = 24
_PREFIX_BYTES = 8
"""Length and its checksum; the digest after them is never zero."""
_FEWEST_ZEROS = 16
"""So many zeros at the end are space never filled; fewer may be data, and then a fault is no torn tail."""
MAX_RECORD = 64 * 1024 * 1024


def frame(payload: bytes) -> bytes:
    """The record that holds `payload`, as it stands in the file."""
    return _header(payload) + payload


class RecordLog:
    """One open record file. Not safe for two processes: the node's home lock keeps others out."""

    def __init__(self, path: Path) -> None:
        """Open (or create) `path`, cut a torn tail, and refuse with FileCorrupt what was altered."""
        self.path = path
        self._sync_seconds = metrics.SYNC_SECONDS.labels(path.name)
        created = not path.exists()
        self._file: BinaryIO = open(path, "a+b")  # noqa: SIM115 - lives as long as the node
        self.size = self._checked_length()
        self._file.truncate(self.size)
        self._file.seek(self.size)
        if created:
            sync_folder(path.parent)

    def append(self, payload: bytes) -> int:
        """Add one record; returns its offset. It is durable only after the next `sync`."""
        if len(payload) > MAX_RECORD:
            raise ValueError(f"record of {len(payload)} bytes, at most {MAX_RECORD} are allowed")
        offset = self.size
        self.size += self._file.write(_header(payload))
        self.size += self._file.write(payload)
        return offset

    def sync(self) -> None:
        """Return once everything appended so far would survive a power cut."""
        with self._sync_seconds.time():
            self._file.flush()
            os.fdatasync(self._file.fileno())

    def read(self, offset: int) -> bytes:
        """The payload of the record at `offset`, checked again."""
        self._file.flush()
        payload = _read_at(self._file.fileno(), offset, self.size, self.path)
        if payload is None:
            raise FileCorrupt(self.path, offset, "a whole record", "the end of the file")
        return payload

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Every (offset, payload) from the beginning."""
        self._file.flush()
        offset = 0
        while offset < self.size:
            payload = self.read(offset)
            yield offset, payload
            offset += _HEADER_BYTES + len(payload)

    def close(self) -> None:
        self.sync()
        self._file.close()

    def _checked_length(self) -> int:
        end = os.fstat(self._file.fileno()).st_size
        offset = 0
        while offset < end:
            payload = _read_at(self._file.fileno(), offset, end, self.path)
            if payload is None:
                return offset
            offset += _HEADER_BYTES + len(payload)
        return offset


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` by `data`: a crash leaves either the old file or the new one, whole and durable."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the creation and renaming of files in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_at(descriptor: int, offset: int, end: int, path: Path) -> bytes | None:
    """The payload at `offset`, None when the rest of the file is a torn tail, FileCorrupt when altered."""
    header = os.pread(descriptor, _HEADER_BYTES, offset)
    if len(header) < _HEADER_BYTES or offset + _HEADER_BYTES > end:
        return None
    (length,) = _LENGTH.unpack_from(header)
    (checksum,) = _LENGTH.unpack_from(header, 4)
    if checksum != zlib.crc32(header[:4]):
        if _only_zeros(descriptor, offset + _PREFIX_BYTES, end):
            return None
        raise FileCorrupt(path, offset, "a record header that checks out", "one that does not")
    payload = os.pread(descriptor, length, offset + _HEADER_BYTES)
    if len(payload) < length or offset + _HEADER_BYTES + length > end:
        return None
    if _digest(payload) != header[8:]:
        record_end = offset + _HEADER_BYTES + length
        unfilled = min(length, max(1, _FEWEST_ZEROS - (end - record_end)))
        if payload.endswith(bytes(unfilled)) and _only_zeros(descriptor, record_end, end):
            return None
        raise FileCorrupt(path, offset, "a record whose digest checks out", "one that does not")
    return payload


def _only_zeros(descriptor: int, offset: int, end: int) -> bool:
    while offset < end:
        piece = os.pread(descriptor, min(1 << 20, end - offset), offset)
        if piece.strip(b"\0"):
            return False
        offset += len(piece)
    return True


def _header(payload: bytes) -> bytes:
    length = _LENGTH.pack(len(payload))
    return length + _LENGTH.pack(zlib.crc32(length)) + _digest(payload)


def _digest(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()[:16]
