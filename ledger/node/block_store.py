"""Every committed block, in one append-only file with one sync per block.

Rules
- Heights follow one another without a gap. The first is 1, or a later one: `base`, where a snapshot was taken
  over or older blocks were pruned.
- A block, the commit that decided it and its results are one record: all of it is there or none.
- The index by height, block hash and transaction hash lives in memory and is rebuilt on start.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ledger.node.errors import FileCorrupt
from ledger.node.record_log import RecordLog, frame, write_atomically
from ledger.types.block import txs_of


class StoredBlock(msgspec.Struct, frozen=True, array_like=True):
    """One committed block as bytes of CometBFT v0.38's protobuf forms.

    `commit` is the one we saw decide this block. `results` are the transactions' results, `app_hash` the
    state's root after the block, as the next header must name it. `txs` reads the block anew each time.
    """

    height: int
    block_hash: bytes
    block: bytes
    commit: bytes
    results: bytes
    app_hash: bytes

    @property
    def txs(self) -> tuple[bytes, ...]:
        return txs_of(self.block)


@dataclass(frozen=True, slots=True)
class TxPlace:
    """Where a transaction is: block `height`, position `index` from 0."""

    height: int
    index: int


_MOST_TXS = 1 << 24
"""More than any block holds."""
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredBlock)


class BlockStore:
    """The block log in one file, `path`, and its index."""

    def __init__(self, path: Path) -> None:
        """Open or create it; raises FileCorrupt when it was altered or a height is missing."""
        self._path = path
        self._log = RecordLog(path)
        self.base = 1
        self._offsets: list[int] = []
        self._heights: dict[bytes, int] = {}
        self._places: dict[bytes, int] = {}
        """By transaction hash: height and index in one integer, since there are millions."""
        self._tip: StoredBlock | None = None
        for offset, payload in self._log.records():
            stored = _decoder.decode(payload)
            if not self._offsets:
                self.base = stored.height
            if stored.height != self.height + 1:
                raise FileCorrupt(path, offset, f"block {self.height + 1}", f"block {stored.height}")
            self._index(stored, offset, _hashes(stored))

    @property
    def height(self) -> int:
        """The height of the last block; when there is none, the one before `base`."""
        return self.base - 1 + len(self._offsets)

    @property
    def tip(self) -> StoredBlock | None:
        """The last block."""
        return self._tip

    def append(self, stored: StoredBlock, tx_hashes: Sequence[bytes] | None = None) -> None:
        """Add the next block; it is durable when this returns. `tx_hashes`: its transactions' SHA-256."""
        if stored.height != self.height + 1:
            raise ValueError(f"expected block {self.height + 1}, got {stored.height}")
        offset = self._log.append(_encoder.encode(stored))
        self._log.sync()
        self._index(stored, offset, _hashes(stored) if tx_hashes is None else tx_hashes)

    def load(self, height: int) -> StoredBlock | None:
        """The block at `height`, or None when we do not have it."""
        if self._tip is not None and height == self._tip.height:
            return self._tip
        if not self.base <= height <= self.height:
            return None
        return _decoder.decode(self._log.read(self._offsets[height - self.base]))

    def start_at(self, base: int) -> None:
        """Begin anew at height `base`, beyond what is stored: those blocks go, in one step."""
        if base <= self.height:
            raise ValueError(f"the store holds blocks {self.base} to {self.height} already")
        if self._offsets:
            self._log.close()
            write_atomically(self._path, b"")
            self._log = RecordLog(self._path)
            self._offsets, self._tip = [], None
            self._heights.clear()
            self._places.clear()
        self.base = base

    def prune(self, below: int) -> int:
        """Forget the blocks below height `below`, but never the last one; returns how many went.

        The kept ones are written to a new file, which takes the place of the old one in one step.
        """
        below = min(below, self.height)
        if below <= self.base:
            return 0
        gone = below - self.base
        kept = [self._log.read(offset) for offset in self._offsets[gone:]]
        self._log.close()
        write_atomically(self._path, b"".join(frame(payload) for payload in kept))
        self._log = RecordLog(self._path)
        self._offsets, self._tip, self.base = [], None, below
        self._heights.clear()
        self._places.clear()
        for offset, payload in self._log.records():
            stored = _decoder.decode(payload)
            self._index(stored, offset, _hashes(stored))
        return gone

    def by_hash(self, block_hash: bytes) -> StoredBlock | None:
        """The block with that header hash."""
        return self.load(self._heights.get(block_hash, 0))

    def place_of(self, tx_hash: bytes) -> TxPlace | None:
        """Where the transaction with that SHA-256 is, or None when no block holds it."""
        place = self._places.get(tx_hash)
        return None if place is None else TxPlace(*divmod(place, _MOST_TXS))

    def close(self) -> None:
        self._log.close()

    def _index(self, stored: StoredBlock, offset: int, tx_hashes: Sequence[bytes]) -> None:
        self._offsets.append(offset)
        self._heights[stored.block_hash] = stored.height
        first = stored.height * _MOST_TXS
        for place, tx_hash in enumerate(tx_hashes, first):
            self._places.setdefault(tx_hash, place)
        self._tip = stored


def _hashes(stored: StoredBlock) -> list[bytes]:
    return [hashlib.sha256(tx).digest() for tx in stored.txs]
