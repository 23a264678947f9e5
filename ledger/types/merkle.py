"""Merkle trees of RFC 6962 over a list of byte strings, as CometBFT uses them.

Rules
- leaf = SHA-256(0x00 ‖ bytes), inner = SHA-256(0x01 ‖ left ‖ right), the empty tree is SHA-256 of nothing.
- A tree of n leaves splits at the largest power of two below n.
- A proof's aunts run from the leaf upwards. A root does not commit to the number of leaves: a proof's total
  gives its shape only, so whoever needs the count takes it from elsewhere.
- A multiproof (docs/formats.md section 5) lists the missing sibling hashes as met depth first, left to right;
  too few, too many or out-of-order indices are refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from ledger.native import COMPILED

HASH_SIZE = 32
MAX_AUNTS = 100
EMPTY_ROOT = sha256(b"").digest()


class MerkleError(ValueError):
    """The proof does not fit the tree it claims to be of."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one leaf."""
    return sha256(b"\x00" + leaf).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children's hashes."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over `leaves` in their order."""
    if COMPILED is not None:
        return COMPILED.root(list(leaves))
    return root_of_hashes([sha256(b"\x00" + leaf).digest() for leaf in leaves])


def root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    """The root over leaves whose 32-byte hashes are given."""
    if COMPILED is not None:
        return COMPILED.root_of_hashes(list(hashes))
    level = list(hashes)
    if not level:
        return EMPTY_ROOT
    # Pairing neighbours level by level gives the same tree as splitting at the largest power of two.
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        paired = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level = [*paired, level[-1]] if len(level) % 2 else paired
    return level[0]


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf stands at `index` of `total`: its hash and the sibling hashes from the leaf to the root."""

    total: int
    index: int
    leaf_hash: bytes
    aunts: tuple[bytes, ...]

    def root(self) -> bytes:
        """The root that this proof leads to. Raises MerkleError when the aunts do not fit index and total."""
        if not 0 <= self.index < self.total or len(self.aunts) > MAX_AUNTS:
            raise MerkleError(f"no leaf {self.index} in a tree of {self.total}")
        node, index, last, used = self.leaf_hash, self.index, self.total - 1, 0
        while last:
            if index % 2 or index < last:
                aunt = _aunt(self.aunts, used)
                node = inner_hash(aunt, node) if index % 2 else inner_hash(node, aunt)
                used += 1
            index, last = index // 2, last // 2
        if used != len(self.aunts):
            raise MerkleError(f"expected {used} aunts, got {len(self.aunts)}")
        return node


def proof(leaves: Sequence[bytes], index: int) -> Proof:
    """The proof for `leaves[index]`. Raises MerkleError when there is no such leaf."""
    return proof_of_hashes([leaf_hash(leaf) for leaf in leaves], index)


def proof_of_hashes(hashes: Sequence[bytes], index: int) -> Proof:
    """The proof for the leaf at `index`, given the hashes of all leaves."""
    if not 0 <= index < len(hashes):
        raise MerkleError(f"no leaf {index} in a tree of {len(hashes)}")
    level, at, aunts = list(hashes), index, []
    while len(level) > 1:
        sibling = at ^ 1
        if sibling < len(level):
            aunts.append(level[sibling])
        paired = [inner_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = [*paired, level[-1]] if len(level) % 2 else paired
        at //= 2
    return Proof(len(hashes), index, hashes[index], tuple(aunts))


def verify(expected_root: bytes, leaf: bytes, given: Proof) -> bool:
    """Whether `given` shows that `leaf` stands at its index in the tree with this root."""
    try:
        return given.leaf_hash == leaf_hash(leaf) and given.root() == expected_root
    except MerkleError:
        return False


def multiproof(leaves: Sequence[bytes], indices: Sequence[int]) -> tuple[bytes, ...]:
    """The sibling hashes that prove the leaves at `indices` (ascending, at least one) together."""
    hashes = [leaf_hash(leaf) for leaf in leaves]
    _check_indices(len(hashes), indices)
    return tuple(_siblings(hashes, 0, len(hashes), indices))


def root_from_multiproof(
    size: int, indices: Sequence[int], leaf_hashes: Sequence[bytes], path: Sequence[bytes]
) -> bytes:
    """The root of the tree of `size` leaves with `leaf_hashes` at `indices`, given the siblings `path`.

    Raises MerkleError when indices are not ascending and in range, or when hashes are missing or left over.
    """
    _check_indices(size, indices)
    if len(leaf_hashes) != len(indices):
        raise MerkleError(f"expected {len(indices)} leaf hashes, got {len(leaf_hashes)}")
    if any(len(node) != HASH_SIZE for node in (*leaf_hashes, *path)):
        raise MerkleError(f"every hash has {HASH_SIZE} bytes")
    rest = iter(path)
    found = _fold(0, size, dict(zip(indices, leaf_hashes, strict=True)), indices, rest)
    if next(rest, None) is not None:
        raise MerkleError("the path has hashes left over")
    return found


def _check_indices(size: int, indices: Sequence[int]) -> None:
    if not indices:
        raise MerkleError("a multiproof proves at least one leaf")
    if indices[0] < 0 or indices[-1] >= size:
        raise MerkleError(f"indices must lie in 0..{size - 1}")
    if any(left >= right for left, right in pairwise(indices)):
        raise MerkleError("indices must be ascending, each once")


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def _halves(low: int, high: int, indices: Sequence[int]) -> tuple[int, Sequence[int], Sequence[int]]:
    middle = low + _split(high - low)
    left = [index for index in indices if index < middle]
    return middle, left, indices[len(left) :]


def _siblings(hashes: Sequence[bytes], low: int, high: int, indices: Sequence[int]) -> Iterator[bytes]:
    if not indices:
        yield root_of_hashes(hashes[low:high])
    elif high - low > 1:
        middle, left, right = _halves(low, high, indices)
        yield from _siblings(hashes, low, middle, left)
        yield from _siblings(hashes, middle, high, right)


def _fold(
    low: int, high: int, known: dict[int, bytes], indices: Sequence[int], rest: Iterator[bytes]
) -> bytes:
    if not indices:
        node = next(rest, None)
        if node is None:
            raise MerkleError("the path ends too early")
        return node
    if high - low == 1:
        return known[low]
    middle, left, right = _halves(low, high, indices)
    return inner_hash(_fold(low, middle, known, left, rest), _fold(middle, high, known, right, rest))


def _aunt(aunts: Sequence[bytes], at: int) -> bytes:
    if at >= len(aunts):
        raise MerkleError("the proof has too few aunts")
    return aunts[at]
