"""The double-sign guard: what this validator's key signed last, on disk before the signature leaves.

Rules (as CometBFT's file signer has them)
- Height, round and step (propose 1, prevote 2, precommit 3) only go forward.
- Asked again at the same place: the same bytes give the same signature; bytes that differ in nothing but the
  timestamp give the first signature and its timestamp; anything else is refused.
- The record is synced to disk before the signature is returned. Without a readable record nothing is signed.

The record lies in two slots of one file, written in turn with a sequence number and a digest, so that a write
torn by a crash leaves the one before it.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from ledger.node.errors import DoubleSignRefused, FileCorrupt
from ledger.node.record_log import sync_folder

PROPOSE, PREVOTE, PRECOMMIT = 1, 2, 3
_SLOT_BYTES = 4096


class SignRecord(msgspec.Struct, frozen=True, array_like=True):
    """What was signed last: `message` are the sign bytes, `timestamp_ns` the time inside them."""

    sequence: int = 0
    height: int = 0
    round: int = 0
    step: int = 0
    message: bytes = b""
    timestamp_ns: int = 0
    signature: bytes = b""

    @property
    def place(self) -> tuple[int, int, int]:
        return (self.height, self.round, self.step)


class Signed(msgspec.Struct, frozen=True):
    """A signature and the timestamp that it covers (the first one's, when only the time differed)."""

    signature: bytes
    timestamp_ns: int


class GuardFile:
    """The two-slot file that holds the last `SignRecord`."""

    def __init__(self, path: Path) -> None:
        """Open `path`, which `create` made. Raises FileCorrupt when no slot can be read."""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR)
        self.last = self._read()

    @staticmethod
    def create(path: Path) -> None:
        """Make a new validator's empty guard; refuses to overwrite one."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.pwrite(descriptor, _slot(SignRecord()) + bytes(_SLOT_BYTES), 0)
        os.fsync(descriptor)
        os.close(descriptor)
        sync_folder(path.parent)

    def write(self, record: SignRecord) -> None:
        """Make `record` durable; only then does it count as the last one."""
        os.pwrite(self._descriptor, _slot(record), record.sequence % 2 * _SLOT_BYTES)
        os.fdatasync(self._descriptor)
        self.last = record

    def close(self) -> None:
        os.close(self._descriptor)

    def _read(self) -> SignRecord:
        found = [_record(os.pread(self._descriptor, _SLOT_BYTES, at)) for at in (0, _SLOT_BYTES)]
        records = [record for record in found if record is not None]
        if not records:
            raise FileCorrupt(self._path, 0, "a readable record of what was signed last", "none")
        return max(records, key=lambda record: record.sequence)


class Signer:
    """Signs votes and proposals with the validator's key, never contradicting itself.

    `sign` is the raw Ed25519 signing function; the key itself stays with whoever made it.
    """

    def __init__(self, guard: GuardFile, sign: Callable[[bytes], bytes]) -> None:
        self._guard = guard
        self._sign = sign

    def sign(
        self,
        place: tuple[int, int, int],
        timestamp_ns: int,
        message_at: Callable[[int], bytes],
    ) -> Signed:
        """Sign `message_at(timestamp_ns)` at `place` (height, round, step).

        `message_at` gives the canonical sign bytes with a given time in them, which is how "differs only in
        the time" is decided. Raises DoubleSignRefused.
        """
        last = self._guard.last
        message = message_at(timestamp_ns)
        if place < last.place:
            raise DoubleSignRefused(last.place, place, "it lies before what was signed")
        if place == last.place:
            return self._sign_again(last, place, message, message_at)
        signature = self._sign(message)
        self._guard.write(SignRecord(last.sequence + 1, *place, message, timestamp_ns, signature))
        return Signed(signature, timestamp_ns)

    @staticmethod
    def _sign_again(
        last: SignRecord, place: tuple[int, int, int], message: bytes, message_at: Callable[[int], bytes]
    ) -> Signed:
        if message == last.message or message_at(last.timestamp_ns) == last.message:
            return Signed(last.signature, last.timestamp_ns)
        raise DoubleSignRefused(last.place, place, "other bytes were signed there")


def _slot(record: SignRecord) -> bytes:
    payload = msgspec.msgpack.encode(record)
    body = len(payload).to_bytes(4, "big") + payload
    slot = hashlib.sha256(body).digest() + body
    if len(slot) > _SLOT_BYTES:
        raise ValueError(f"sign record of {len(slot)} bytes, at most {_SLOT_BYTES} fit")
    return slot.ljust(_SLOT_BYTES, b"\0")


def _record(slot: bytes) -> SignRecord | None:
    length = int.from_bytes(slot[32:36], "big")
    body = slot[32 : 36 + length]
    if len(body) != 4 + length or hashlib.sha256(body).digest() != slot[:32]:
        return None
    return msgspec.msgpack.decode(body[4:], type=SignRecord)
