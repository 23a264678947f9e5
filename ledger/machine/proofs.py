"""ICS-23 proofs of presence and absence over the state tree, and the verifier for them.

Rules (ICS-23, SmtSpec)
- A presence proof is a leaf and the steps from it up to the root; hashing it must give the root.
- A leaf step is exactly SHA-256 of 0x00 ‖ SHA-256(key) ‖ SHA-256(value); an inner step's prefix never
  starts with the leaf prefix and its child is 32 bytes, so neither can be taken for the other.
- An absence proof is the presence of the neighbours, by SHA-256(key), on both sides of the gap (one where
  the gap is at an edge), with nothing but empty subtrees between them. An empty map proves nothing.
- An absence proof never follows from a presence proof alone, and empty keys and values are refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger.machine.state import EMPTY, PATH_BITS, Inner, Leaf, Node, StateTree, node_hash, path_of
from ledger.types import proto
from ledger.types.proto import BYTES, VARINT, ProtoError

_SHA256 = 1
_LEAF_PREFIX, _INNER_PREFIX = b"\x00", b"\x01"
_LEAF_OP = (
    proto.integer(1, _SHA256)
    + proto.integer(2, _SHA256)
    + proto.integer(3, _SHA256)
    + proto.message(5, _LEAF_PREFIX)
)


class ProofError(ValueError):
    """The proof does not show what it claims; whoever sent it is wrong or lies. Ask another validator."""


@dataclass(frozen=True, slots=True)
class Step:
    """One inner node above the proven leaf: what stands before and after the child in its preimage."""

    prefix: bytes
    suffix: bytes

    @property
    def is_left(self) -> bool:
        """Whether the child is the left one."""
        return len(self.suffix) == len(EMPTY)


@dataclass(frozen=True, slots=True)
class ExistenceProof:
    """A pair and the steps from its leaf (first) to the root (last)."""

    key: bytes
    value: bytes
    path: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class NonExistenceProof:
    """The neighbours of a key that is not there; None where the gap is at the edge."""

    key: bytes
    left: ExistenceProof | None
    right: ExistenceProof | None


def prove(tree: StateTree, key: bytes) -> bytes:
    """A protobuf ics23.CommitmentProof that `key` is, or is not, in `tree`. ValueError when it is empty."""
    if tree.root_node is None:
        raise ValueError("an empty state proves nothing")
    leaf, steps = _descend(tree, path_of(key))
    if leaf is not None and leaf.key == key:
        return proto.message(1, _encode_existence(_existence(leaf, steps)))
    left, right = _neighbours(tree, path_of(key))
    absent = proto.data(1, key)
    if left is not None:
        absent += proto.message(2, _encode_existence(left))
    if right is not None:
        absent += proto.message(3, _encode_existence(right))
    return proto.message(2, absent)


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


def decode_proof(proof: bytes) -> ExistenceProof | NonExistenceProof:
    """The proof that protobuf bytes spell. Raises ProofError for anything SmtSpec does not allow."""
    try:
        fields = proto.Fields(proof, {1: BYTES, 2: BYTES})
        if fields.has(1) == fields.has(2):
            raise ProofError("expected a proof of presence or one of absence")
        return _decode_existence(fields.blob(1)) if fields.has(1) else _decode_absence(fields.blob(2))
    except ProtoError as error:
        raise ProofError(f"not an ICS-23 proof: {error}") from error


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
        return Step(_INNER_PREFIX + node_hash(node.left), b"")
    return Step(_INNER_PREFIX, node_hash(node.right))


def _neighbours(tree: StateTree, path: int) -> tuple[ExistenceProof | None, ExistenceProof | None]:
    """Proofs of the leaves next to the absent `path` on its left and right."""
    leaf, steps = _descend(tree, path)
    found: dict[bool, ExistenceProof | None] = {False: None, True: None}
    if leaf is not None:
        found[leaf.path > path] = _existence(leaf, steps)
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
    return sha256(_LEAF_PREFIX + sha256(proof.key).digest() + sha256(proof.value).digest()).digest()


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


def _encode_existence(proof: ExistenceProof) -> bytes:
    steps = (
        proto.message(4, proto.integer(1, _SHA256) + proto.data(2, step.prefix) + proto.data(3, step.suffix))
        for step in proof.path
    )
    head = proto.data(1, proof.key) + proto.data(2, proof.value) + proto.message(3, _LEAF_OP)
    return head + b"".join(steps)


def _decode_existence(encoded: bytes) -> ExistenceProof:
    fields = proto.Fields(encoded, {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES}, repeated=frozenset({4}))
    if fields.blob(3) != _LEAF_OP:
        raise ProofError("the leaf is hashed in another way than the state tree's")
    steps = fields.blobs(4)
    if len(steps) > PATH_BITS:
        raise ProofError(f"{len(steps)} steps; a path has at most {PATH_BITS}")
    key, value = fields.blob(1), fields.blob(2)
    if not key or not value:
        raise ProofError("the state tree holds no empty key or value")
    return ExistenceProof(key, value, tuple(_decode_step(step) for step in steps))


def _decode_step(encoded: bytes) -> Step:
    fields = proto.Fields(encoded, {1: VARINT, 2: BYTES, 3: BYTES})
    step = Step(fields.blob(2), fields.blob(3))
    sizes = (len(step.prefix), len(step.suffix))
    if fields.unsigned(1) != _SHA256 or step.prefix[:1] == _LEAF_PREFIX or sizes not in ((1, 32), (33, 0)):
        raise ProofError("an inner step has another form than the state tree's")
    return step


def _decode_absence(encoded: bytes) -> NonExistenceProof:
    fields = proto.Fields(encoded, {1: BYTES, 2: BYTES, 3: BYTES})
    left = _decode_existence(fields.blob(2)) if fields.has(2) else None
    right = _decode_existence(fields.blob(3)) if fields.has(3) else None
    return NonExistenceProof(fields.blob(1), left, right)
