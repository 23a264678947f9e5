"""Block headers: what the validators sign and what a light client needs, in fourteen fields.

Rules (CometBFT v0.38)
- The hash is the RFC 6962 root over the fields in order, each as its protobuf wrapper; an empty field is an
  empty leaf. A header without a validators hash has no hash.
- `app_hash` and `last_results_hash` tell of the state after the block before this one.
"""

from dataclasses import dataclass

from ledger.types import merkle, proto
from ledger.types.ids import ADDRESS_SIZE, BlockID, checked_hash
from ledger.types.proto import BYTES, VARINT, Fields, ProtoError

BLOCK_PROTOCOL = 11
MAX_CHAIN_ID = 50


@dataclass(frozen=True, slots=True)
class Version:
    """The protocol versions of block and application (tendermint.version.Consensus)."""

    block: int = BLOCK_PROTOCOL
    app: int = 0

    def encode(self) -> bytes:
        """tendermint.version.Consensus."""
        return proto.integer(1, self.block) + proto.integer(2, self.app)

    @classmethod
    def decode(cls, encoded: bytes) -> "Version":
        """The versions that `encoded` spells; raises ProtoError."""
        fields = Fields(encoded, {1: VARINT, 2: VARINT})
        return cls(fields.unsigned(1), fields.unsigned(2))


@dataclass(frozen=True, slots=True)
class Header:
    """A block's header. Hashes are 32 bytes or empty; `time_ns` is nanoseconds since 1970 UTC."""

    version: Version
    chain_id: str
    height: int
    time_ns: int
    last_block_id: BlockID
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: bytes

    @property
    def hash(self) -> bytes:
        """The header's hash, 32 bytes; empty when there is no validators hash."""
        if not self.validators_hash:
            return b""
        return merkle.root(
            [
                self.version.encode(),
                proto.text(1, self.chain_id),
                proto.integer(1, self.height),
                proto.timestamp(self.time_ns),
                self.last_block_id.encode(),
                *(proto.data(1, value) for value in self._digests()),
            ]
        )

    def _digests(self) -> tuple[bytes, ...]:
        return (
            self.last_commit_hash,
            self.data_hash,
            self.validators_hash,
            self.next_validators_hash,
            self.consensus_hash,
            self.app_hash,
            self.last_results_hash,
            self.evidence_hash,
            self.proposer_address,
        )

    def encode(self) -> bytes:
        """tendermint.types.Header."""
        return b"".join(
            (
                proto.message(1, self.version.encode()),
                proto.text(2, self.chain_id),
                proto.integer(3, self.height),
                proto.message(4, proto.timestamp(self.time_ns)),
                proto.message(5, self.last_block_id.encode()),
                *(proto.data(field, value) for field, value in enumerate(self._digests(), start=6)),
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "Header":
        """The header that `encoded` spells, its shape checked; raises ProtoError."""
        kinds = {1: BYTES, 2: BYTES, 3: VARINT, **dict.fromkeys(range(4, 15), BYTES)}
        fields = Fields(encoded, kinds)
        header = cls(
            Version.decode(fields.blob(1)),
            fields.text(2),
            fields.signed(3),
            proto.timestamp_ns(fields.blob(4)),
            BlockID.decode(fields.blob(5)),
            *(fields.blob(field) for field in range(6, 15)),
        )
        header._check_shape()
        proto.exact(header.encode(), encoded)
        return header

    def _check_shape(self) -> None:
        if self.height < 1 or not 0 < len(self.chain_id.encode("utf-8")) <= MAX_CHAIN_ID:
            raise ProtoError("a header needs a height of 1 or more and a chain id of 1 to 50 bytes")
        for name in ("last_commit_hash", "data_hash", "validators_hash", "next_validators_hash"):
            checked_hash(getattr(self, name))
        for name in ("consensus_hash", "last_results_hash", "evidence_hash"):
            checked_hash(getattr(self, name))
        if len(self.proposer_address) != ADDRESS_SIZE:
            raise ProtoError(f"a proposer address has {ADDRESS_SIZE} bytes")
