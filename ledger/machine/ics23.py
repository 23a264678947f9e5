"""ICS-23's protobuf forms of proofs over the state tree, in the one shape that SmtSpec allows.

Rules
- A leaf step is exactly SHA-256 of 0x00 ‖ SHA-256(key) ‖ SHA-256(value); an inner step's prefix never
  starts with the leaf prefix and its child is 32 bytes, so neither can be taken for the other.
- Empty keys and values, paths beyond 256 steps and other ways to hash are refused while decoding.
"""

from dataclasses import dataclass

from ledger.machine.state import EMPTY, PATH_BITS
from ledger.types import proto
from ledger.types.proto import BYTES, VARINT, ProtoError

_SHA256 = 1
LEAF_PREFIX, INNER_PREFIX = b"\x00", b"\x01"
_LEAF_OP = (
    proto.integer(1, _SHA256)
    + proto.integer(2, _SHA256)
    + proto.integer(3, _SHA256)
    + proto.message(5, LEAF_PREFIX)
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


def encode_proof(proof: ExistenceProof | NonExistenceProof) -> bytes:
    """The protobuf ics23.CommitmentProof."""
    if isinstance(proof, ExistenceProof):
        return proto.message(1, _encode_existence(proof))
    neighbours = (
        b"" if neighbour is None else proto.message(field, _encode_existence(neighbour))
        for field, neighbour in ((2, proof.left), (3, proof.right))
    )
    return proto.message(2, proto.data(1, proof.key) + b"".join(neighbours))


def decode_proof(proof: bytes) -> ExistenceProof | NonExistenceProof:
    """The proof that protobuf bytes spell. Raises ProofError for anything SmtSpec does not allow."""
    try:
        fields = proto.Fields(proof, {1: BYTES, 2: BYTES})
        if fields.has(1) == fields.has(2):
            raise ProofError("expected a proof of presence or one of absence")
        return _decode_existence(fields.blob(1)) if fields.has(1) else _decode_absence(fields.blob(2))
    except ProtoError as error:
        raise ProofError(f"not an ICS-23 proof: {error}") from error


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
    if fields.unsigned(1) != _SHA256 or step.prefix[:1] == LEAF_PREFIX or sizes not in ((1, 32), (33, 0)):
        raise ProofError("an inner step has another form than the state tree's")
    return step


def _decode_absence(encoded: bytes) -> NonExistenceProof:
    fields = proto.Fields(encoded, {1: BYTES, 2: BYTES, 3: BYTES})
    left = _decode_existence(fields.blob(2)) if fields.has(2) else None
    right = _decode_existence(fields.blob(3)) if fields.has(3) else None
    return NonExistenceProof(fields.blob(1), left, right)
