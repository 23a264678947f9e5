"""The authenticated map: a compact sparse Merkle tree whose root is the app hash.

Rules (ICS-23's SmtSpec)
- A key lies at the path of the bits of SHA-256(key), most significant first.
- leaf = SHA-256(0x00 ‖ SHA-256(key) ‖ SHA-256(value)); inner = SHA-256(0x01 ‖ left ‖ right).
- A subtree without keys is 32 zero bytes; a subtree with one key is that key's leaf, at whatever depth.
- So the root depends on the pairs alone, never on the order in which they came.
- Keys and values are not empty: ICS-23 cannot prove those.

Nodes are never changed: an update makes new ones along its path and shares the rest. An old root therefore
is a snapshot, and a block's changes are hashed once per touched node, not once per key.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TypeAlias

import msgspec

EMPTY = bytes(32)
PATH_BITS = 256


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """One pair. `path` is SHA-256(key) as an integer, so that bit tests and order are cheap."""

    hash: bytes
    path: int
    key: bytes
    value: bytes


class Inner(msgspec.Struct, frozen=True, gc=False):
    """Two subtrees, of which at least two keys are below."""

    hash: bytes
    left: "Node"
    right: "Node"


Node: TypeAlias = Leaf | Inner | None


def path_of(key: bytes) -> int:
    """SHA-256(key) as an integer of 256 bits."""
    return int.from_bytes(sha256(key).digest(), "big")


def node_hash(node: Node) -> bytes:
    """The 32 bytes that a parent hashes for this subtree."""
    return EMPTY if node is None else node.hash


def make_leaf(key: bytes, value: bytes) -> Leaf:
    """The leaf of a pair. Raises ValueError when key or value is empty."""
    if not key or not value:
        raise ValueError("the state tree holds no empty key or value")
    key_hash = sha256(key).digest()
    digest = sha256(b"\x00" + key_hash + sha256(value).digest()).digest()
    return Leaf(digest, int.from_bytes(key_hash, "big"), key, value)


class StateTree:
    """An immutable version of the map. `update` gives the next one and leaves this one as it was."""

    __slots__ = ("root_node",)

    def __init__(self, root_node: Node = None) -> None:
        self.root_node = root_node

    @property
    def root(self) -> bytes:
        """The app hash: 32 bytes, all zero for an empty map."""
        return node_hash(self.root_node)

    def get(self, key: bytes) -> bytes | None:
        """The value at `key`, or None."""
        path, node, shift = path_of(key), self.root_node, PATH_BITS - 1
        while isinstance(node, Inner):
            node = node.right if path >> shift & 1 else node.left
            shift -= 1
        return node.value if node is not None and node.key == key else None

    def update(self, changes: Mapping[bytes, bytes | None]) -> "StateTree":
        """The map after setting each key to its value, or deleting it where the value is None."""
        placed = {}
        for key, value in changes.items():
            leaf = None if value is None else make_leaf(key, value)
            placed[path_of(key) if leaf is None else leaf.path] = leaf
        paths = sorted(placed)
        block = _Changes(paths, [placed[path] for path in paths])
        return StateTree(_apply(self.root_node, block, 0, len(paths), PATH_BITS - 1))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All pairs in the order of their paths."""
        stack: list[Node] = [self.root_node]
        while stack:
            node = stack.pop()
            if isinstance(node, Leaf):
                yield node.key, node.value
            elif node is not None:
                stack.extend((node.right, node.left))


class _Changes(msgspec.Struct, frozen=True, gc=False):
    """A block's changes by ascending path: what shall be there, a leaf or nothing."""

    paths: list[int]
    leaves: list[Leaf | None]


def _apply(node: Node, changes: _Changes, low: int, high: int, shift: int) -> Node:
    """The subtree after changes low..high, which all lie in it; bit `shift` of a path splits it."""
    if low == high:
        return node
    if not isinstance(node, Inner):
        return _build(_leaves_after(node, changes, low, high), shift)
    if high - low == 1:
        return _apply_one(node, changes.paths[low], changes.leaves[low], shift)
    middle = bisect_left(changes.paths, _boundary(changes.paths[low], shift), low, high)
    left = _apply(node.left, changes, low, middle, shift - 1)
    right = _apply(node.right, changes, middle, high, shift - 1)
    return node if left is node.left and right is node.right else _join(left, right)


def _apply_one(node: Inner, path: int, leaf: Leaf | None, shift: int) -> Node:
    """`_apply` for a single change: most of a block's hashing ends up here, so it walks without slicing."""
    parents: list[Inner] = []
    below: Node = node
    while isinstance(below, Inner):
        parents.append(below)
        below = below.right if path >> shift & 1 else below.left
        shift -= 1
    if leaf is None and (below is None or below.path != path):
        return node
    if below is None or below.path == path:
        below = leaf
    elif leaf is not None:
        below = _build([leaf, below] if path < below.path else [below, leaf], shift)
    while parents:
        shift += 1
        parent = parents.pop()
        below = _join(parent.left, below) if path >> shift & 1 else _join(below, parent.right)
    return below


def _leaves_after(node: Leaf | None, changes: _Changes, low: int, high: int) -> list[Leaf]:
    """The leaves, ascending, that one leaf (or nothing) and changes low..high make."""
    leaves = [leaf for leaf in changes.leaves[low:high] if leaf is not None]
    if node is not None and node.path not in changes.paths[low:high]:
        leaves.append(node)
        leaves.sort(key=lambda leaf: leaf.path)
    return leaves


def _build(leaves: list[Leaf], shift: int) -> Node:
    if len(leaves) < 2:
        return leaves[0] if leaves else None
    middle = bisect_left(leaves, _boundary(leaves[0].path, shift), key=lambda leaf: leaf.path)
    return _join(_build(leaves[:middle], shift - 1), _build(leaves[middle:], shift - 1))


def _join(left: Node, right: Node) -> Node:
    """The parent of two subtrees; a lone leaf rises instead."""
    if right is None:
        if not isinstance(left, Inner):
            return left
        return Inner(sha256(b"\x01" + left.hash + EMPTY).digest(), left, right)
    if left is None:
        if not isinstance(right, Inner):
            return right
        return Inner(sha256(b"\x01" + EMPTY + right.hash).digest(), left, right)
    return Inner(sha256(b"\x01" + left.hash + right.hash).digest(), left, right)


def _boundary(path: int, shift: int) -> int:
    """The first path of the right half of the subtree that holds `path` and splits on bit `shift`."""
    return (path >> shift | 1) << shift
