"""The whole state as bytes, for a node that joins late or restarts.

Rules
- A snapshot is believed only when the root over its pairs is the app hash that a verified header carries.
- Pairs are in ascending order of keys, lists of nonces in that of heights, so equal states give equal bytes.
- Lists of nonces are believed when they are those that the pairs name (`ledger.machine.nonces`).
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ledger.machine.nonces import Names, NonceBook
from ledger.machine.state import StateTree

VERSION = 2


class SnapshotError(ValueError):
    """The bytes are not a snapshot of the state with this app hash; whoever sent them is wrong or lies."""


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state after the block at `height` with header time `time_ms`. `pairs` are (key, value), `nonces` the
    lists of the blocks that used them."""

    version: int
    ledger: str
    height: int
    time_ms: int
    pairs: list[tuple[bytes, bytes]]
    nonces: list[tuple[int, Names]]


class Restored(NamedTuple):
    """What a checked snapshot holds."""

    snapshot: Snapshot
    tree: StateTree
    values: dict[bytes, bytes]
    nonces: NonceBook


def encode_snapshot(
    values: Mapping[bytes, bytes], nonces: NonceBook, ledger: str, height: int, time_ms: int
) -> bytes:
    """The bytes of this state (msgpack)."""
    pairs = sorted(values.items())
    return msgspec.msgpack.encode(Snapshot(VERSION, ledger, height, time_ms, pairs, nonces.lists()))


def decode_snapshot(snapshot: bytes, app_hash: bytes) -> Restored:
    """The snapshot with its tree and nonces. Raises SnapshotError unless its root is `app_hash`."""
    try:
        found = msgspec.msgpack.decode(snapshot, type=Snapshot)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SnapshotError(f"not a snapshot: {error}") from error
    if found.version != VERSION:
        raise SnapshotError(f"snapshot version {found.version}; this node reads {VERSION}")
    pairs = dict(found.pairs)
    if len(pairs) != len(found.pairs) or not all(key and value for key, value in pairs.items()):
        raise SnapshotError("a key is empty, has no value or occurs twice")
    tree = StateTree().update(pairs)
    if tree.root != app_hash:
        raise SnapshotError(f"the pairs hash to {tree.root.hex()}; the header says {app_hash.hex()}")
    try:
        nonces = NonceBook.restore(pairs, found.nonces)
    except ValueError as error:
        raise SnapshotError(str(error)) from error
    return Restored(found, tree, pairs, nonces)
