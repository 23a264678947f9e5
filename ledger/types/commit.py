"""Commits: the precommits of one round that decided a block, one slot for each validator.

Rules (CometBFT v0.38)
- Slots stand in the order of the validator set; a slot is absent, for the block, or for nil.
- Each signature is over that validator's own precommit, with its own time.
- A slot's address must be that of the validator at its index: checking the signature by index while reading
  the time by address let forged times through.
- Block time is the median of these times, weighted by power: no third of the power can move it alone. Half
  of an odd total is rounded up; CometBFT rounds it down, by which one liar among three votes of power 1 each
  would set the time. With an even total the two agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from ledger.types import merkle, proto
from ledger.types.ids import ADDRESS_SIZE, NIL, NO_TIME_NS, BlockID
from ledger.types.proto import BYTES, VARINT, Fields, ProtoError
from ledger.types.validators import ValidatorSet
from ledger.types.vote import MAX_ROUND, SIGNATURE_SIZE, Vote, VoteType, vote_sign_bytes

MAX_SIGNATURES = 10_000


class BlockIDFlag(IntEnum):
    """What a slot of a commit says."""

    ABSENT = 1
    COMMIT = 2
    NIL = 3


@dataclass(frozen=True, slots=True)
class CommitSig:
    """One validator's slot. An absent one has no address, time or signature."""

    flag: BlockIDFlag
    validator_address: bytes = b""
    time_ns: int = NO_TIME_NS
    signature: bytes = b""

    @classmethod
    def of(cls, vote: Vote) -> "CommitSig":
        """The slot that a precommit fills."""
        flag = BlockIDFlag.NIL if vote.block_id.is_nil else BlockIDFlag.COMMIT
        return cls(flag, vote.validator_address, vote.time_ns, vote.signature)

    def encode(self) -> bytes:
        """tendermint.types.CommitSig."""
        return b"".join(
            (
                proto.integer(1, self.flag),
                proto.data(2, self.validator_address),
                proto.message(3, proto.timestamp(self.time_ns)),
                proto.data(4, self.signature),
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "CommitSig":
        """The slot that `encoded` spells, its shape checked; raises ProtoError."""
        fields = Fields(encoded, {1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES})
        if fields.unsigned(1) not in tuple(BlockIDFlag):
            raise ProtoError(f"unknown block id flag {fields.unsigned(1)}")
        slot = cls(
            BlockIDFlag(fields.unsigned(1)),
            fields.blob(2),
            proto.timestamp_ns(fields.blob(3)),
            fields.blob(4),
        )
        slot.check_shape()
        return slot

    def check_shape(self) -> None:
        """Raises ProtoError unless the slot is empty exactly when it is absent."""
        if self.flag is BlockIDFlag.ABSENT:
            if self != ABSENT:
                raise ProtoError("an absent slot holds nothing")
        elif len(self.validator_address) != ADDRESS_SIZE or len(self.signature) != SIGNATURE_SIZE:
            raise ProtoError("a slot's address or signature has the wrong length")


ABSENT = CommitSig(BlockIDFlag.ABSENT)


@dataclass(frozen=True, slots=True)
class Commit:
    """The precommits for `block_id` in (height, round). The first block's last commit is `Commit()`."""

    height: int = 0
    round: int = 0
    block_id: BlockID = NIL
    signatures: tuple[CommitSig, ...] = ()

    def encode(self) -> bytes:
        """tendermint.types.Commit."""
        return b"".join(
            (
                proto.integer(1, self.height),
                proto.integer(2, self.round),
                proto.message(3, self.block_id.encode()),
                *(proto.message(4, slot.encode()) for slot in self.signatures),
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "Commit":
        """The commit that `encoded` spells, its shape checked; raises ProtoError."""
        fields = Fields(encoded, {1: VARINT, 2: VARINT, 3: BYTES, 4: BYTES}, frozenset({4}))
        slots = fields.blobs(4)
        if len(slots) > MAX_SIGNATURES:
            raise ProtoError(f"a commit has at most {MAX_SIGNATURES} slots, got {len(slots)}")
        commit = cls(
            fields.signed(1),
            fields.signed(2),
            BlockID.decode(fields.blob(3)),
            tuple(CommitSig.decode(slot) for slot in slots),
        )
        if commit.height < 0 or not 0 <= commit.round <= MAX_ROUND:
            raise ProtoError("a commit's height or round is out of range")
        proto.exact(commit.encode(), encoded)
        return commit

    @property
    def hash(self) -> bytes:
        """The `last_commit_hash` of the next header: RFC 6962 root over the slots."""
        return merkle.root([slot.encode() for slot in self.signatures])

    def sign_bytes(self, chain_id: str, index: int) -> bytes:
        """What the validator at `index` signed to fill its slot."""
        slot = self.signatures[index]
        block_id = self.block_id if slot.flag is BlockIDFlag.COMMIT else NIL
        return vote_sign_bytes(chain_id, VoteType.PRECOMMIT, self.height, self.round, block_id, slot.time_ns)


def median_time_ns(commit: Commit, validators: ValidatorSet) -> int:
    """BFT time: the power-weighted median of the commit's times, nanoseconds since 1970.

    Raises ValueError when the commit has no vote or a slot's address is not that of its index.
    """
    weighted = sorted(_weighted_times(commit, validators))
    remaining = (sum(power for _time, power in weighted) + 1) // 2
    for time_ns, power in weighted:
        if remaining <= power:
            return time_ns
        remaining -= power
    raise ValueError("a commit without votes has no time")


def _weighted_times(commit: Commit, validators: ValidatorSet) -> Iterable[tuple[int, int]]:
    for index, slot in enumerate(commit.signatures):
        if slot.flag is BlockIDFlag.ABSENT:
            continue
        validator = validators.get(index)
        if validator is None or validator.address != slot.validator_address:
            raise ValueError(f"slot {index} of the commit is not of the validator at that index")
        yield slot.time_ns, validator.power
