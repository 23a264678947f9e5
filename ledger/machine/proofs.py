"""ICS-23 proofs of presence and absence over the state tree, and the verifier for them.

Rules (ICS-23, SmtSpec)
- A presence proof is a leaf and the steps from it up to the root; hashing it must give the root.
- An absence proof is the presence of the neighbours, by SHA-256(key), on both sides of the gap (one where
  the gap is at an edge), with nothing but empty subtrees between them. An empty map proves nothing.
- An absence proof never follows from a presence proof alone.
"""

from collections.abc import Sequence
from hashlib import sha256

from ledger.machine.ics23 import (
    INNER_PREFIX,
    LEAF_PREFIX,
    ExistenceProof,
    NonExistenceProof,
    ProofError,
    Step,
    decode_proof,
    encode_proof,
)
from ledger.machine.state import EMPTY, PATH_BITS, Inner, Leaf, Node, StateTree, node_hash, path_of

__all__ = ["ProofError", "prove", "verify_absence", "verify_presence"]


def prove(tree: StateTree, key: bytes) -> bytes:
    """A protobuf ics23.CommitmentProof that `key` is, or is not, in `tree`. ValueError when it is empty."""
    if tree.root_node is None:
        raise ValueError("an empty state proves nothing")
    leaf, steps = _descend(tree, path_of(key))
    if leaf is not None and leaf.key == key:
        return encode_proof(_existence(leaf, steps))
    return encode_proof(NonExistenceProof(key, *_neighbours(tree, path_of(key))))


def verify_presence(root: bytes, key: bytes, value: bytes, proof: bytes) -> None:
    """Raises ProofError unless `proof` shows that `key` has `value` in the map with this 32-byte `root`."""
    decoded = decode_proof(proof)
    if not isinstance(decoded, ExistenceProof):
        raise ProofError("a proof of absence where presence was claimed")
    if decoded.key != key or decoded.value != value:
        raise ProofError("the proof is for another key or value")
    _check_root(decoded, root)


def verify_absence(root: bytes, key: bytes, proof: bytes) -> None:
    """Raises ProofError unless `proof` shows that `key` is not in the map with this 32-byte `root`."""
    decoded = decode_proof(proof)
    if not isinstance(decoded, NonExistenceProof):
        raise ProofError("a proof of presence where absence was claimed")
    left, right, path = decoded.left, decoded.right, path_of(key)
    if left is None and right is None:
        raise ProofError("a proof of absence needs a neighbour")
    for neighbour in (left, right):
        if neighbour is not None:
            _check_root(neighbour, root)
    if left is not None and path_of(left.key) >= path:
        raise ProofError("the left neighbour is not left of the key")
    if right is not None and path_of(right.key) <= path:
        raise ProofError("the right neighbour is not right of the key")
    if not _adjacent(left, right):
        raise ProofError("the neighbours have something between them")


def _descend(tree: StateTree, path: int) -> tuple[Leaf | None, list[tuple[Inner, bool]]]:
    """What is at the end of `path`, and the inner nodes met with the side taken (True: right)."""
    steps: list[tuple[Inner, bool]] = []
    node, shift = tree.root_node, PATH_BITS - 1
    while isinstance(node, Inner):
        right = bool(path >> shift & 1)
        steps.append((node, right))
        node = node.right if right else node.left
        shift -= 1
    return node, steps


def _existence(leaf: Leaf, steps: Sequence[tuple[Inner, bool]]) -> ExistenceProof:
    return ExistenceProof(leaf.key, leaf.value, tuple(_step(node, right) for node, right in reversed(steps)))


def _step(node: Inner, right: bool) -> Step:
    if right:
        return Step(INNER_PREFIX + node_hash(node.left), b"")
    return Step(INNER_PREFIX, node_hash(node.right))


def _neighbours(tree: StateTree, path: int) -> tuple[ExistenceProof | None, ExistenceProof | None]:
    """Proofs of the leaves next to the absent `path` on its left and right."""
    leaf, steps = _descend(tree, path)
    found: dict[bool, ExistenceProof | None] = {False: None, True: None}
    if leaf is not None:
        found[path_of(leaf.key) > path] = _existence(leaf, steps)
    for side in (False, True):
        if found[side] is None:
            found[side] = _nearest(steps, side)
    return found[False], found[True]


def _nearest(steps: list[tuple[Inner, bool]], side: bool) -> ExistenceProof | None:
    """The nearest leaf on one side (True: right) of the place that `steps` lead to."""
    for depth in range(len(steps) - 1, -1, -1):
        node, went_right = steps[depth]
        beside = node.right if side else node.left
        if went_right != side and beside is not None:
            return _edge(beside, [*steps[:depth], (node, side)], to_right=not side)
    return None


def _edge(node: Node, steps: list[tuple[Inner, bool]], to_right: bool) -> ExistenceProof:
    """The leftmost or rightmost leaf below `node`, which is not empty."""
    while isinstance(node, Inner):
        nearer = node.right if to_right else node.left
        right = to_right if nearer is not None else not to_right
        steps.append((node, right))
        node = node.right if right else node.left
    assert node is not None, "an inner node has at least one child"
    return _existence(node, steps)


def _check_root(proof: ExistenceProof, root: bytes) -> None:
    digest = _hash_leaf(proof)
    for step in proof.path:
        digest = sha256(step.prefix + digest + step.suffix).digest()
    if digest != root:
        raise ProofError("the proof leads to another root")


def _hash_leaf(proof: ExistenceProof) -> bytes:
    return sha256(LEAF_PREFIX + sha256(proof.key).digest() + sha256(proof.value).digest()).digest()


def _adjacent(left: ExistenceProof | None, right: ExistenceProof | None) -> bool:
    if left is None:
        return right is not None and _is_edge(right.path, right_edge=False)
    if right is None:
        return _is_edge(left.path, right_edge=True)
    lefts, rights = list(left.path), list(right.path)
    while lefts and rights and lefts[-1] == rights[-1]:
        lefts.pop()
        rights.pop()
    if not lefts or not rights:
        return False
    fork_left, fork_right = lefts.pop(), rights.pop()
    return (
        fork_left.is_left
        and not fork_right.is_left
        and _is_edge(lefts, right_edge=True)
        and _is_edge(rights, right_edge=False)
    )


def _is_edge(path: Sequence[Step], right_edge: bool) -> bool:
    """Whether nothing lies beyond the leaf on that side: other subtrees there are empty."""
    return all(_at_right(step) if right_edge else _at_left(step) for step in path)


def _at_right(step: Step) -> bool:
    return not step.is_left or step.suffix == EMPTY


def _at_left(step: Step) -> bool:
    return step.is_left or step.prefix[1:] == EMPTY
