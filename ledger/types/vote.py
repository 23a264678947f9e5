"""Votes: what a validator says in a round, and the exact bytes that it signs.

Rules (CometBFT v0.38, CanonicalVote)
- Signed bytes name type, height, round, block, time and chain, behind their length; a vote cannot be moved
  to another chain, height, round or block.
- A vote for nil has the empty BlockID, which the signed bytes leave out.
- Validator address and index are not signed: whoever counts a vote checks both against the validator set.
"""

from dataclasses import dataclass
from enum import IntEnum

from ledger.types import proto
from ledger.types.ids import ADDRESS_SIZE, NIL, NO_TIME_NS, BlockID
from ledger.types.proto import BYTES, VARINT, Fields, ProtoError

MAX_ROUND = 2**31 - 1
SIGNATURE_SIZE = 64


class VoteType(IntEnum):
    """SignedMsgType of CometBFT."""

    UNKNOWN = 0
    PREVOTE = 1
    PRECOMMIT = 2
    PROPOSAL = 32


@dataclass(frozen=True, slots=True)
class Vote:
    """One validator's prevote or precommit, at `time_ns` since 1970; unsigned, it has no signature."""

    type: VoteType
    height: int
    round: int
    block_id: BlockID = NIL
    time_ns: int = NO_TIME_NS
    validator_address: bytes = b""
    validator_index: int = 0
    signature: bytes = b""

    def sign_bytes(self, chain_id: str) -> bytes:
        """What the validator signs: the length-prefixed CanonicalVote."""
        return vote_sign_bytes(chain_id, self.type, self.height, self.round, self.block_id, self.time_ns)

    def encode(self) -> bytes:
        """tendermint.types.Vote."""
        return b"".join(
            (
                proto.integer(1, self.type),
                proto.integer(2, self.height),
                proto.integer(3, self.round),
                proto.message(4, self.block_id.encode()),
                proto.message(5, proto.timestamp(self.time_ns)),
                proto.data(6, self.validator_address),
                proto.integer(7, self.validator_index),
                proto.data(8, self.signature),
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "Vote":
        """The vote that `encoded` spells, its shape checked; raises ProtoError."""
        kinds = {1: VARINT, 2: VARINT, 3: VARINT, 4: BYTES, 5: BYTES, 6: BYTES, 7: VARINT, 8: BYTES}
        fields = Fields(encoded, kinds)
        if fields.unsigned(1) not in (VoteType.PREVOTE, VoteType.PRECOMMIT):
            raise ProtoError(f"a vote is a prevote or a precommit, got type {fields.unsigned(1)}")
        vote = cls(
            VoteType(fields.unsigned(1)),
            fields.signed(2),
            fields.signed(3),
            BlockID.decode(fields.blob(4)),
            proto.timestamp_ns(fields.blob(5)),
            fields.blob(6),
            fields.signed(7),
            fields.blob(8),
        )
        vote._check_shape()
        proto.exact(vote.encode(), encoded)
        return vote

    def _check_shape(self) -> None:
        if self.height < 1 or not 0 <= self.round <= MAX_ROUND or not 0 <= self.validator_index <= MAX_ROUND:
            raise ProtoError("a vote's height, round or validator index is out of range")
        if not self.block_id.is_nil and not self.block_id.is_complete:
            raise ProtoError("a vote names a whole block or none")
        if len(self.validator_address) != ADDRESS_SIZE or len(self.signature) not in (0, SIGNATURE_SIZE):
            raise ProtoError("a vote's address or signature has the wrong length")


def vote_sign_bytes(
    chain_id: str, type_: int, height: int, round_: int, block_id: BlockID, time_ns: int
) -> bytes:
    """The length-prefixed CanonicalVote of these values."""
    body = b"".join(
        (
            proto.integer(1, type_),
            proto.sfixed64(2, height),
            proto.sfixed64(3, round_),
            b"" if block_id.is_nil else proto.message(4, block_id.encode()),
            proto.message(5, proto.timestamp(time_ns)),
            proto.text(6, chain_id),
        )
    )
    return proto.delimited(body)
