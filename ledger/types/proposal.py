"""Proposals: the block that a round's proposer puts forward, and the bytes that it signs.

Rules (CometBFT v0.38, CanonicalProposal)
- `pol_round` is the round in which the block already had +2/3 prevotes (validRound of the paper), or -1.
- It is below the proposal's own round.
"""

from dataclasses import dataclass

from ledger.types import proto
from ledger.types.ids import NO_TIME_NS, BlockID
from ledger.types.proto import BYTES, VARINT, Fields, ProtoError
from ledger.types.vote import MAX_ROUND, SIGNATURE_SIZE, VoteType


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposer's offer of one block for one round. An unsigned proposal has no signature."""

    height: int
    round: int
    pol_round: int
    block_id: BlockID
    time_ns: int = NO_TIME_NS
    signature: bytes = b""

    def sign_bytes(self, chain_id: str) -> bytes:
        """What the proposer signs: the length-prefixed CanonicalProposal."""
        body = b"".join(
            (
                proto.integer(1, VoteType.PROPOSAL),
                proto.sfixed64(2, self.height),
                proto.sfixed64(3, self.round),
                proto.integer(4, self.pol_round),
                b"" if self.block_id.is_nil else proto.message(5, self.block_id.encode()),
                proto.message(6, proto.timestamp(self.time_ns)),
                proto.text(7, chain_id),
            )
        )
        return proto.delimited(body)

    def encode(self) -> bytes:
        """tendermint.types.Proposal."""
        return b"".join(
            (
                proto.integer(1, VoteType.PROPOSAL),
                proto.integer(2, self.height),
                proto.integer(3, self.round),
                proto.integer(4, self.pol_round),
                proto.message(5, self.block_id.encode()),
                proto.message(6, proto.timestamp(self.time_ns)),
                proto.data(7, self.signature),
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "Proposal":
        """The proposal that `encoded` spells, its shape checked; raises ProtoError."""
        kinds = {1: VARINT, 2: VARINT, 3: VARINT, 4: VARINT, 5: BYTES, 6: BYTES, 7: BYTES}
        fields = Fields(encoded, kinds)
        if fields.unsigned(1) != VoteType.PROPOSAL:
            raise ProtoError(f"expected a proposal, got type {fields.unsigned(1)}")
        proposal = cls(
            fields.signed(2),
            fields.signed(3),
            fields.signed(4),
            BlockID.decode(fields.blob(5)),
            proto.timestamp_ns(fields.blob(6)),
            fields.blob(7),
        )
        proposal._check_shape()
        proto.exact(proposal.encode(), encoded)
        return proposal

    def _check_shape(self) -> None:
        if self.height < 1 or not 0 <= self.round <= MAX_ROUND:
            raise ProtoError("a proposal's height or round is out of range")
        if not -1 <= self.pol_round < self.round:
            raise ProtoError(f"pol_round must lie in -1..{self.round - 1}, got {self.pol_round}")
        if not self.block_id.is_complete or len(self.signature) not in (0, SIGNATURE_SIZE):
            raise ProtoError("a proposal names a whole block and has a signature of 64 bytes")
