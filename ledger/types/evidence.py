"""Evidence that a validator signed two different votes for the same height, round and type.

Rules (CometBFT v0.38, DuplicateVoteEvidence)
- The vote whose BlockID comes first in byte order is `vote_a`.
- Both votes are of one validator of that height, differ in their block, and are signed by it.
- Power and time are those of the height of the votes.
"""

from dataclasses import dataclass

from ledger.types import proto
from ledger.types.ids import BlockID
from ledger.types.proto import BYTES, VARINT, Fields, ProtoError
from ledger.types.signing import verify_ed25519
from ledger.types.validators import ValidatorSet
from ledger.types.vote import Vote


class EvidenceError(ValueError):
    """This does not show that a validator voted twice."""


@dataclass(frozen=True, slots=True)
class DuplicateVoteEvidence:
    """Two contradicting votes; `time_ns` is the header time of their height."""

    vote_a: Vote
    vote_b: Vote
    total_voting_power: int
    validator_power: int
    time_ns: int

    @classmethod
    def of(cls, first: Vote, second: Vote, validators: ValidatorSet, time_ns: int) -> "DuplicateVoteEvidence":
        """The evidence of two votes, put in order. Raises EvidenceError when the voter is not of the set."""
        vote_a, vote_b = sorted((first, second), key=lambda vote: _order(vote.block_id))
        voter = validators.get(vote_a.validator_index)
        if voter is None:
            raise EvidenceError("the voter is not of this height's validator set")
        return cls(vote_a, vote_b, validators.total_power, voter.power, time_ns)

    def check(self, validators: ValidatorSet, chain_id: str, time_ns: int) -> None:
        """Raises EvidenceError unless a validator of `validators`, the set of that height, voted twice."""
        a, b = self.vote_a, self.vote_b
        voter = validators.get(a.validator_index)
        if voter is None or voter.address != a.validator_address or voter.address != b.validator_address:
            raise EvidenceError("the votes are not of one validator of this height")
        if (a.height, a.round, a.type, a.validator_index) != (b.height, b.round, b.type, b.validator_index):
            raise EvidenceError("the votes are for different heights, rounds, types or indices")
        if _order(a.block_id) >= _order(b.block_id):
            raise EvidenceError("the votes do not contradict each other, or stand in the wrong order")
        if self != self.of(a, b, validators, time_ns):
            raise EvidenceError("power or time is not that of the votes' height")
        for vote in (a, b):
            if not verify_ed25519(voter.public_key, vote.sign_bytes(chain_id), vote.signature):
                raise EvidenceError("a vote's signature is not the validator's")

    def encode(self) -> bytes:
        """tendermint.types.DuplicateVoteEvidence: the leaf under `evidence_hash`."""
        return b"".join(
            (
                proto.message(1, self.vote_a.encode()),
                proto.message(2, self.vote_b.encode()),
                proto.integer(3, self.total_voting_power),
                proto.integer(4, self.validator_power),
                proto.message(5, proto.timestamp(self.time_ns)),
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "DuplicateVoteEvidence":
        """The evidence that `encoded` spells; raises ProtoError."""
        fields = Fields(encoded, {1: BYTES, 2: BYTES, 3: VARINT, 4: VARINT, 5: BYTES})
        evidence = cls(
            Vote.decode(fields.blob(1)),
            Vote.decode(fields.blob(2)),
            fields.signed(3),
            fields.signed(4),
            proto.timestamp_ns(fields.blob(5)),
        )
        proto.exact(evidence.encode(), encoded)
        return evidence


def wrap(evidence: DuplicateVoteEvidence) -> bytes:
    """tendermint.types.Evidence: how a piece of evidence rides in a block."""
    return proto.message(1, evidence.encode())


def unwrap(encoded: bytes) -> DuplicateVoteEvidence:
    """The evidence inside tendermint.types.Evidence; raises ProtoError for another kind."""
    fields = Fields(encoded, {1: BYTES})
    if not fields.has(1):
        raise ProtoError("evidence of a kind that this chain does not use")
    return DuplicateVoteEvidence.decode(fields.blob(1))


def _order(block_id: BlockID) -> bytes:
    # CometBFT orders by BlockID.Key(): the hash, then the encoded part set header.
    return block_id.hash + block_id.parts.encode()
