"""The whole state as bytes, for a node that joins late or restarts.

Rules
- A snapshot is a row of records, each behind its length (4 bytes, big-endian): a head, the tree's parts in
  the order of their paths, the lists of nonces in that of heights. So equal states give equal bytes.
- Trees are never changed: the bytes may be made while the ledger goes on, a part at a time.
- A peer's snapshot is believed only when the root over its pairs is the app hash that a verified header
  carries; what it says of hashes is passed over. One that we wrote, and whose bytes are those that we wrote,
  need not be hashed again: its tree and its lists are taken as they stand.
- Lists of nonces of a peer are believed when they are those that the pairs name (`ledger.machine.nonces`).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from ledger.machine.nonces import Names, NonceBook
from ledger.machine.state import Node, StateTree

VERSION = 3
_LENGTH_BYTES = 4


class SnapshotError(ValueError):
    """The bytes are not a snapshot of the state with this app hash; whoever sent them is wrong or lies."""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state after the block at `height` with header time `time_ms`, in so many parts; what follows them
    are `lists` lists of nonces."""

    version: int
    ledger: str
    height: int
    time_ms: int
    parts: int
    lists: int


_encoder = msgspec.msgpack.Encoder()
_heads = msgspec.msgpack.Decoder(Head)
_parts = msgspec.msgpack.Decoder(tuple[int, Node])
_lists = msgspec.msgpack.Decoder(tuple[int, Names])


class Restored(NamedTuple):
    """What a checked snapshot holds."""

    head: Head
    tree: StateTree
    values: dict[bytes, bytes]
    nonces: NonceBook


def encode_snapshot(
    tree: StateTree, lists: Sequence[tuple[int, Names]], ledger: str, height: int, time_ms: int
) -> Iterator[bytes]:
    """The bytes of this state in pieces, none larger than a record. `lists`: the nonces remembered, by
    height."""
    parts = list(tree.parts())
    head = Head(VERSION, ledger, height, time_ms, len(parts), len(lists))
    for record in map(_encoder.encode, chain((head,), parts, lists)):
        yield len(record).to_bytes(_LENGTH_BYTES, "big")
        yield record


def decode_snapshot(pieces: Iterable[bytes], app_hash: bytes, ours: bool = False) -> Restored:
    """The state in these bytes, however they are cut. Raises SnapshotError unless its root is `app_hash`.

    `ours`: we wrote these very bytes, so hashes within them are right.
    """
    try:
        records = _records(pieces)
        head = _heads.decode(next(records))
        if head.version != VERSION:
            raise SnapshotError(f"snapshot version {head.version}; this node reads {VERSION}")
        parts = [_parts.decode(next(records)) for _ in range(head.parts)]
        lists = [_lists.decode(next(records)) for _ in range(head.lists)]
        if next(records, None) is not None:
            raise SnapshotError("records follow after the last one")
        values = _values(parts)
        tree = StateTree.joined(parts) if ours else StateTree().update(values)
        if tree.root != app_hash:
            raise SnapshotError(f"the pairs hash to {tree.root.hex()}; the header says {app_hash.hex()}")
        return Restored(head, tree, values, NonceBook.restore(values, lists, ours))
    except StopIteration as error:
        raise SnapshotError("not a snapshot: records are missing") from error
    except SnapshotError:
        raise
    except (ValueError, IndexError, RecursionError) as error:
        raise SnapshotError(f"not a snapshot: {error}") from error


def _values(parts: Sequence[tuple[int, Node]]) -> dict[bytes, bytes]:
    """All pairs by key. Raises SnapshotError when a key occurs twice."""
    values: dict[bytes, bytes] = {}
    count = 0
    for _, node in parts:
        pairs = list(StateTree(node).items())
        values.update(pairs)
        count += len(pairs)
    if len(values) != count:
        raise SnapshotError("a key occurs twice")
    return values


def _records(pieces: Iterable[bytes]) -> Iterator[bytearray]:
    held = bytearray()
    for piece in pieces:
        held += piece
        at = 0
        while len(held) - at >= _LENGTH_BYTES:
            start = at + _LENGTH_BYTES
            end = start + int.from_bytes(held[at:start], "big")
            if end > len(held):
                break
            yield held[start:end]
            at = end
        del held[:at]
    if held:
        raise SnapshotError("not a snapshot: the last record is cut off")
