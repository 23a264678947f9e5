"""The snapshots on this machine's disk: what a restart begins with, and what newcomers are offered in chunks.

Rules
- `<height>.state` holds the application's part, `<height>.label` what it is of and the SHA-256 of its every
  chunk. The label comes last, when all of the state is durable: without one, a state is half written.
- Offered are those taken at multiples of the same number of blocks everywhere; equal states give equal bytes.
  So validators offer the same chunks, and a newcomer may fetch them from several at once. Nobody needs to
  believe the list of chunks: what they make must hash to the app hash of a verified header.
- The newest is kept, whatever it is, and the newest two that are offered. Should the disk spoil one, it is
  noticed by its digests, and the one before it serves.
- One thread writes at a time; the list of labels is replaced as a whole, so that others may read it.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ledger.node.chain import ChainState
from ledger.node.log import log
from ledger.node.record_log import sync_folder, write_atomically
from ledger.node.snapshot_label import Label

CHUNK_BYTES = 1024 * 1024
OFFERED = 2
SYNCED_CHUNKS = 16
"""A file is synced each time it has grown by so many chunks: the block log's own syncs must not find hundreds
of megabytes before them."""


class SnapshotShelf:
    """The snapshots in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Take stock: what was half written goes, and so does a label that was altered."""
        self._folder = folder
        folder.mkdir(exist_ok=True)
        found = filter(None, map(_read_label, folder.glob("*.label")))
        whole = [label for label in found if self._file(label.height, "state").exists()]
        self.labels = tuple(sorted(whole, key=lambda label: label.height, reverse=True))
        """What is here, newest first."""
        self._drop_all_but(self.labels)

    @property
    def offers(self) -> tuple[Label, ...]:
        """What can be asked for, newest first."""
        return tuple(label for label in self.labels if label.offered)

    @property
    def newest(self) -> int:
        """The height of the newest snapshot; 0 when there is none."""
        return self.labels[0].height if self.labels else 0

    def write(self, state: ChainState, pieces: Iterable[bytes], offered: bool) -> Label:
        """Keep the state after block `state.height`, whose application part is in `pieces`; durable when this
        returns. Raises OSError, and leaves everything as it was."""
        path = self._file(state.height, "state")
        temporary = path.with_suffix(".new")
        try:
            label = Label.of(state, _write(temporary, pieces), offered)
            os.replace(temporary, path)
            write_atomically(self._file(state.height, "label"), label.encode())
        except OSError:
            self._drop_all_but(self.labels)
            raise
        labels = (label, *(one for one in self.labels if one.height < label.height))
        offers = [one for one in labels if one.offered][:OFFERED]
        self.labels = tuple(one for one in labels if one is label or one in offers)
        self._drop_all_but(self.labels)
        return label

    def pieces(self, label: Label) -> Iterator[bytes]:
        """The application's part of a snapshot, chunk by chunk. Raises OSError, or ValueError when a byte is
        not as it was written."""
        with self._file(label.height, "state").open("rb") as file:
            for number, digest in enumerate(label.chunks):
                chunk = file.read(CHUNK_BYTES)
                if hashlib.sha256(chunk).digest() != digest:
                    raise ValueError(f"chunk {number} is not as it was written")
                yield chunk
                if number % SYNCED_CHUNKS == 0:
                    _forget_pages(file)
            if file.read(1):
                raise ValueError("bytes follow after the last chunk")

    def chunk(self, height: int, index: int) -> bytes | None:
        """One chunk of the snapshot of `height`; None when it is not offered, or spoilt."""
        label = next((one for one in self.offers if one.height == height), None)
        if label is None or not 0 <= index < len(label.chunks):
            return None
        try:
            with self._file(height, "state").open("rb") as file:
                file.seek(index * CHUNK_BYTES)
                chunk = file.read(CHUNK_BYTES)
        except FileNotFoundError:  # a newer one has just taken its place
            return None
        if hashlib.sha256(chunk).digest() != label.chunks[index]:
            log(
                "chunk_spoilt", height=height, index=index, why="the disk gives other bytes than were written"
            )
            return None
        return chunk

    def _drop_all_but(self, labels: tuple[Label, ...]) -> None:
        """Labels go before what they stand for."""
        kept = {self._file(label.height, kind) for label in labels for kind in ("label", "state")}
        for path in sorted(self._folder.iterdir(), key=lambda path: path.suffix != ".label"):
            if path not in kept:
                path.unlink()

    def _file(self, height: int, kind: str) -> Path:
        return self._folder / f"{height}.{kind}"


def _read_label(path: Path) -> Label | None:
    try:
        return Label.decode(path.read_bytes())
    except ValueError as error:
        log("snapshot_ignored", file=path.name, why=str(error))
        return None


def _write(path: Path, pieces: Iterable[bytes]) -> tuple[bytes, ...]:
    """Write a durable file; the digests of its chunks."""
    digests: list[bytes] = []
    with path.open("wb") as file:
        for chunk in _chunks(pieces):
            digests.append(hashlib.sha256(chunk).digest())
            file.write(chunk)
            if len(digests) % SYNCED_CHUNKS == 0:
                file.flush()
                os.fdatasync(file.fileno())
                _forget_pages(file)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return tuple(digests)


def _forget_pages(file: BinaryIO) -> None:
    """Tell the system that nobody reads these pages soon: else each snapshot takes fresh memory for all of
    itself, and on a virtual machine getting that costs more than all else about writing it."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _chunks(pieces: Iterable[bytes]) -> Iterator[memoryview]:
    """The same bytes, `CHUNK_BYTES` at a time; the last chunk may be shorter."""
    held: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            joined = memoryview(b"".join(held))
            whole = size - size % CHUNK_BYTES
            for at in range(0, whole, CHUNK_BYTES):
                yield joined[at : at + CHUNK_BYTES]
            held, size = [joined[whole:]], size - whole
    if size:
        yield memoryview(b"".join(held))
