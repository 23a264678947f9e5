"""The write-ahead log: every input that consensus saw, so that a crash changes nothing it ever promised.

Rules
- An input is written before consensus acts on it.
- What makes us cast a vote or proposal is synced before it is signed: after a crash we must still know it, or
  we could break a lock we hold, or want to say something else than what the guard remembers and fall silent.
- `end_height` marks that the block of a height is stored; replay starts after the last mark.
- A torn tail is cut; anything else that does not check out stops the node (see `record_log`).
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ledger.node.record_log import RecordLog, frame, write_atomically

ROTATE_AT_BYTES = 16 * 1024 * 1024
_END = "end_height"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One input at `height`: `kind` names how `data` is read (see `wal_codec`)."""

    height: int
    kind: str
    data: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


class Wal:
    """The write-ahead log in one file, `path`."""

    def __init__(self, path: Path, rotate_at: int = ROTATE_AT_BYTES) -> None:
        """Open or create it; raises FileCorrupt when it was altered."""
        self._path = path
        self._rotate_at = rotate_at
        self._log = RecordLog(path)

    def append(self, height: int, kind: str, data: bytes) -> None:
        """Add an input. It is durable after the next `sync`."""
        self._log.append(_encoder.encode(Entry(height, kind, data)))

    def sync(self) -> None:
        """Return once everything appended would survive a power cut."""
        self._log.sync()

    def end_height(self, height: int) -> None:
        """Mark that the block at `height` is stored; starts a new file when this one has grown long."""
        mark = _encoder.encode(Entry(height, _END, b""))
        if self._log.size < self._rotate_at:
            self._log.append(mark)
            return
        self._log.close()
        write_atomically(self._path, frame(mark))
        self._log = RecordLog(self._path)

    def replay(self, height: int) -> Iterator[Entry]:
        """The inputs of `height`, in the order in which they were written."""
        for _, payload in self._log.records():
            entry = _decoder.decode(payload)
            if entry.height == height and entry.kind != _END:
                yield entry

    def ended_height(self) -> int:
        """The height of the last end mark; 0 when there is none."""
        ended = 0
        for _, payload in self._log.records():
            entry = _decoder.decode(payload)
            if entry.kind == _END:
                ended = entry.height
        return ended

    def close(self) -> None:
        self._log.close()
