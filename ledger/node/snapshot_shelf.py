"""Snapshots of the application's state that this node offers to newcomers, in chunks.

Rules
- Taken at multiples of the same number of blocks everywhere; equal states give equal bytes. So validators
  offer the same chunks, and a newcomer may fetch them from several at once.
- A chunk is named by its SHA-256. Nobody needs to believe the list of chunks: what they make must hash to the
  app hash of a verified header.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ledger.node.record_log import write_atomically

CHUNK_BYTES = 1024 * 1024
KEPT = 2


@dataclass(frozen=True, slots=True)
class Offer:
    """The state after block `height`, whose root is `app_hash`, in chunks with these SHA-256 digests."""

    height: int
    app_hash: bytes
    chunks: tuple[bytes, ...]


class SnapshotShelf:
    """The newest snapshots, one file each in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offers: dict[int, Offer] = {}
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.snapshot"):
            height, _, app_hash = path.stem.partition("-")
            self._offers[int(height)] = Offer(
                int(height), bytes.fromhex(app_hash), _digests(path.read_bytes())
            )

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What can be asked for, newest first."""
        return tuple(self._offers[height] for height in sorted(self._offers, reverse=True))

    def put(self, height: int, app_hash: bytes, snapshot: bytes) -> None:
        """Offer the application's snapshot after block `height`; older ones than the newest two go."""
        offer = Offer(height, app_hash, _digests(snapshot))
        write_atomically(self._path(offer), snapshot)
        self._offers[height] = offer
        for old in self.offers[KEPT:]:
            self._path(old).unlink()
            del self._offers[old.height]

    def chunk(self, height: int, index: int) -> bytes | None:
        """One chunk of the snapshot of `height`; None when it is not offered."""
        offer = self._offers.get(height)
        if offer is None or not 0 <= index < len(offer.chunks):
            return None
        with self._path(offer).open("rb") as file:
            file.seek(index * CHUNK_BYTES)
            return file.read(CHUNK_BYTES)

    def _path(self, offer: Offer) -> Path:
        return self._folder / f"{offer.height}-{offer.app_hash.hex()}.snapshot"


def _digests(snapshot: bytes) -> tuple[bytes, ...]:
    starts = range(0, len(snapshot), CHUNK_BYTES)
    return tuple(hashlib.sha256(snapshot[at : at + CHUNK_BYTES]).digest() for at in starts)
