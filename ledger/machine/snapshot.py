"""The whole state as bytes, for a node that joins late or restarts.

Rules
- A snapshot is believed only when the root over its pairs is the app hash that a verified header carries.
- Pairs are in ascending order of keys, so equal states give equal bytes.
"""

import msgspec

from ledger.machine.state import StateTree

VERSION = 1


class SnapshotError(ValueError):
    """The bytes are not a snapshot of the state with this app hash; whoever sent them is wrong or lies."""


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state after the block at `height` with header time `time_ms`. `pairs` are (key, value)."""

    version: int
    ledger: str
    height: int
    time_ms: int
    pairs: list[tuple[bytes, bytes]]


def encode_snapshot(tree: StateTree, ledger: str, height: int, time_ms: int) -> bytes:
    """The bytes of this state (msgpack)."""
    return msgspec.msgpack.encode(Snapshot(VERSION, ledger, height, time_ms, sorted(tree.items())))


def decode_snapshot(snapshot: bytes, app_hash: bytes) -> tuple[Snapshot, StateTree]:
    """The snapshot and its tree. Raises SnapshotError unless its root is `app_hash`."""
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
    return found, tree
