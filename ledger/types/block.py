"""Blocks: header, transactions, evidence and the commit of the block before.

Rules (CometBFT v0.38)
- `data_hash` is the RFC 6962 root over the transactions' SHA-256 hashes.
- A block travels in parts of 64 KiB; the root over the parts is in its BlockID, so that each part is checked
  as it arrives. A part's index must be that of its proof.
- `evidence_hash` is the root over the pieces of evidence, without the wrapper that they travel in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ledger.types import merkle, proto
from ledger.types.commit import ABSENT, BlockIDFlag, Commit, CommitSig, median_time_ns
from ledger.types.evidence import DuplicateVoteEvidence, unwrap, wrap
from ledger.types.header import BLOCK_PROTOCOL, Header, Version
from ledger.types.ids import BlockID, PartSetHeader, sha256
from ledger.types.proto import BYTES, VARINT, Fields, ProtoError

__all__ = [
    "ABSENT",
    "BLOCK_PROTOCOL",
    "PART_SIZE",
    "Block",
    "BlockIDFlag",
    "Commit",
    "CommitSig",
    "Header",
    "Part",
    "Version",
    "block_id_of",
    "data_hash",
    "join_parts",
    "median_time_ns",
    "split",
    "tx_proof",
    "txs_of",
]

PART_SIZE = 65_536


def data_hash(txs: Sequence[bytes]) -> bytes:
    """The `data_hash` of a header over these transactions."""
    return merkle.root([sha256(tx) for tx in txs])


def txs_of(encoded: bytes) -> tuple[bytes, ...]:
    """The transactions of an encoded block, without reading the rest. Raises ProtoError."""
    return _repeated(Fields(encoded, dict.fromkeys(range(1, 5), BYTES)).blob(2))


def tx_proof(txs: Sequence[bytes], index: int) -> merkle.Proof:
    """That the transaction at `index` is in the block with these transactions."""
    return merkle.proof([sha256(tx) for tx in txs], index)


@dataclass(frozen=True)
class Block:
    """A whole block: what was decided, and the commit that decided the block before it."""

    header: Header
    txs: tuple[bytes, ...]
    last_commit: Commit
    evidence: tuple[DuplicateVoteEvidence, ...] = ()

    @cached_property
    def tx_hashes(self) -> tuple[bytes, ...]:
        """SHA-256 of each transaction, in order."""
        return tuple([sha256(tx) for tx in self.txs])

    @cached_property
    def data_hash(self) -> bytes:
        """The `data_hash` that the header must have."""
        return merkle.root(self.tx_hashes)

    @property
    def evidence_hash(self) -> bytes:
        """The `evidence_hash` that the header must have."""
        return merkle.root([item.encode() for item in self.evidence])

    def encode(self) -> bytes:
        """tendermint.types.Block."""
        txs = b"".join(proto.message(1, tx) for tx in self.txs)
        evidence = b"".join(proto.message(1, wrap(item)) for item in self.evidence)
        return b"".join(
            (
                proto.message(1, self.header.encode()),
                proto.message(2, txs),
                proto.message(3, evidence),
                proto.message(4, self.last_commit.encode()),
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "Block":
        """The block that `encoded` spells; raises ProtoError. Hashes are checked by `check_hashes`."""
        fields = Fields(encoded, dict.fromkeys(range(1, 5), BYTES))
        if not all(fields.has(field) for field in range(1, 5)):
            raise ProtoError("a block has header, data, evidence and last commit")
        return cls(
            Header.decode(fields.blob(1)),
            _repeated(fields.blob(2)),
            Commit.decode(fields.blob(4)),
            tuple(unwrap(item) for item in _repeated(fields.blob(3))),
        )

    def check_hashes(self) -> None:
        """Raises ProtoError unless the header commits to exactly this content."""
        found = {
            "data_hash": self.data_hash,
            "last_commit_hash": self.last_commit.hash,
            "evidence_hash": self.evidence_hash,
        }
        for name, value in found.items():
            if getattr(self.header, name) != value:
                raise ProtoError(
                    f"{name} in the header is {getattr(self.header, name).hex()}, content gives {value.hex()}"
                )


def _repeated(encoded: bytes) -> tuple[bytes, ...]:
    return tuple(proto.blobs_only(1, encoded))


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of an encoded block, with the proof that it is of the announced part set."""

    index: int
    data: bytes
    proof: merkle.Proof

    def belongs_to(self, header: PartSetHeader) -> bool:
        """Whether this is the part at its index of the set that `header` announces."""
        return (
            self.proof.index == self.index
            and self.proof.total == header.total
            and len(self.data) <= PART_SIZE
            and merkle.verify(header.hash, self.data, self.proof)
        )

    def encode(self) -> bytes:
        """tendermint.types.Part."""
        return (
            proto.integer(1, self.index)
            + proto.data(2, self.data)
            + proto.message(3, encode_proof(self.proof))
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "Part":
        """The part that `encoded` spells; raises ProtoError."""
        fields = Fields(encoded, {1: VARINT, 2: BYTES, 3: BYTES})
        return cls(fields.unsigned(1), fields.blob(2), decode_proof(fields.blob(3)))


def encode_proof(given: merkle.Proof) -> bytes:
    """tendermint.crypto.Proof."""
    aunts = b"".join(proto.message(4, aunt) for aunt in given.aunts)
    return (
        proto.integer(1, given.total) + proto.integer(2, given.index) + proto.data(3, given.leaf_hash) + aunts
    )


def decode_proof(encoded: bytes) -> merkle.Proof:
    """The proof that `encoded` spells; raises ProtoError."""
    fields = Fields(encoded, {1: VARINT, 2: VARINT, 3: BYTES, 4: BYTES}, frozenset({4}))
    return merkle.Proof(fields.signed(1), fields.signed(2), fields.blob(3), tuple(fields.blobs(4)))


def split(encoded: bytes) -> tuple[PartSetHeader, tuple[Part, ...]]:
    """An encoded block cut into parts of 64 KiB, with the header that announces them."""
    chunks = [encoded[at : at + PART_SIZE] for at in range(0, len(encoded), PART_SIZE)]
    hashes = [merkle.leaf_hash(chunk) for chunk in chunks]
    parts = tuple(Part(i, chunk, merkle.proof_of_hashes(hashes, i)) for i, chunk in enumerate(chunks))
    return PartSetHeader(len(chunks), merkle.root_of_hashes(hashes)), parts


def join_parts(header: PartSetHeader, parts: Sequence[Part]) -> bytes:
    """The encoded block from all its parts in order; raises ProtoError when one is missing or foreign."""
    if len(parts) != header.total or any(part.index != i for i, part in enumerate(parts)):
        raise ProtoError(f"expected parts 0..{header.total - 1} in order, got {len(parts)}")
    if not all(part.belongs_to(header) for part in parts):
        raise ProtoError("a part does not belong to the announced block")
    return b"".join(part.data for part in parts)


def block_id_of(block: Block, encoded: bytes | None = None) -> BlockID:
    """The BlockID of a block; pass its encoding if it is at hand."""
    encoded = block.encode() if encoded is None else encoded
    chunks = [encoded[at : at + PART_SIZE] for at in range(0, len(encoded), PART_SIZE)]
    return BlockID(block.header.hash, PartSetHeader(len(chunks), merkle.root(chunks)))
