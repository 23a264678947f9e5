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
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import TypeAlias

import msgspec

from ledger.native import COMPILED

EMPTY = bytes(32)
PATH_BITS = 256
PART_BITS = 12
"""A tree's parts, 4,096 of them, are what it is written in: a million keys give parts of 200 KB."""


class Leaf(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=0):
    """One pair. Its path is not kept, since there are millions: hashing the key again gives it."""

    hash: bytes
    key: bytes
    value: bytes


class Inner(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
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


def make_leaf(key_hash: bytes, key: bytes, value: bytes) -> Leaf:
    """The leaf of a pair; `key_hash` is the key's SHA-256. Raises ValueError when key or value is empty."""
    if not key or not value:
        raise ValueError("the state tree holds no empty key or value")
    return Leaf(sha256(b"\x00" + key_hash + sha256(value).digest()).digest(), key, value)


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
        if COMPILED is not None:
            return StateTree(COMPILED.update(self.root_node, dict(changes), Leaf, Inner))
        return StateTree(updated(self.root_node, changes))

    @classmethod
    def joined(cls, parts: Iterable[tuple[int, Node]]) -> "StateTree":
        """The map whose `parts` these are; hashes within them are believed. Raises IndexError."""
        level: list[Node] = [None] * (1 << PART_BITS)
        for number, node in parts:
            level[number] = node
        while len(level) > 1:
            level = [_join(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
        return cls(level[0])

    def parts(self) -> Iterator[tuple[int, Leaf | Inner]]:
        """The subtrees below the first `PART_BITS` bits of a path, with those bits as a number: ascending,
        without empty ones. One that is a single key has the number of that key's path."""
        stack: list[tuple[Node, int, int]] = [(self.root_node, 0, 0)]
        while stack:
            node, depth, number = stack.pop()
            if isinstance(node, Leaf):
                yield path_of(node.key) >> PATH_BITS - PART_BITS, node
            elif node is not None and depth == PART_BITS:
                yield number, node
            elif node is not None:
                stack.append((node.right, depth + 1, 2 * number + 1))
                stack.append((node.left, depth + 1, 2 * number))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All pairs in the order of their paths."""
        stack: list[Node] = [self.root_node]
        while stack:
            node = stack.pop()
            if isinstance(node, Leaf):
                yield node.key, node.value
            elif node is not None:
                stack.extend((node.right, node.left))


def updated(root: Node, changes: Mapping[bytes, bytes | None]) -> Node:
    """The tree below `root` after these changes. Raises ValueError when a key or value is empty."""
    placed: dict[int, Leaf | None] = {}
    for key, value in changes.items():
        key_hash = sha256(key).digest()
        leaf = None if value is None else make_leaf(key_hash, key, value)
        placed[int.from_bytes(key_hash, "big")] = leaf
    paths = sorted(placed)
    block = _Changes(paths, [placed[path] for path in paths])
    return _apply(root, block, 0, len(paths), PATH_BITS - 1)


class _Changes(msgspec.Struct, frozen=True, gc=False):
    """A block's changes by ascending path: what shall be there, a leaf or nothing."""

    paths: list[int]
    leaves: list[Leaf | None]


def _apply(node: Node, changes: _Changes, low: int, high: int, shift: int) -> Node:
    """The subtree after changes low..high, which all lie in it; bit `shift` of a path splits it."""
    if low == high:
        return node
    if not isinstance(node, Inner):
        there = _leaves_after(node, changes, low, high)
        return _build(there, 0, len(there.paths), shift)
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
    other = None if below is None else path_of(below.key)
    if leaf is None and other != path:
        return node
    if other is None or other == path:
        below = leaf
    elif leaf is not None:
        both = sorted(((path, leaf), (other, below)))
        below = _build(_Changes([path for path, _ in both], [one for _, one in both]), 0, 2, shift)
    while parents:
        shift += 1
        parent = parents.pop()
        below = _join(parent.left, below) if path >> shift & 1 else _join(below, parent.right)
    return below


def _leaves_after(node: Leaf | None, changes: _Changes, low: int, high: int) -> _Changes:
    """What is there, ascending and without gaps, when changes low..high come to one leaf or nothing."""
    there = dict(zip(changes.paths[low:high], changes.leaves[low:high], strict=True))
    if node is not None:
        there.setdefault(path_of(node.key), node)
    paths = sorted(path for path, leaf in there.items() if leaf is not None)
    return _Changes(paths, [there[path] for path in paths])


def _build(there: _Changes, low: int, high: int, shift: int) -> Node:
    """The subtree of the leaves low..high."""
    if high - low < 2:
        return there.leaves[low] if low < high else None
    middle = bisect_left(there.paths, _boundary(there.paths[low], shift), low, high)
    return _join(_build(there, low, middle, shift - 1), _build(there, middle, high, shift - 1))


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
