"""What a snapshot on disk is of: the chain's state after some block, and the digests of the application's
part, in one small file that carries its own digest."""

import hashlib
from dataclasses import replace

import msgspec

from ledger.node.chain import ChainState
from ledger.types.ids import BlockID, PartSetHeader
from ledger.types.validators import Validator, ValidatorSet

_DIGEST_BYTES = 32


class _Set(msgspec.Struct, frozen=True, array_like=True):
    members: tuple[tuple[bytes, int, int], ...]
    """Public key, power, priority, in the set's order."""
    proposer: bytes
    """The proposer's public key."""


class Label(msgspec.Struct, frozen=True, array_like=True):
    """The state of chain `chain_id` after block `height` >= 1, whose root is `app_hash`.

    `chunks`: the SHA-256 of each chunk of the application's part. `offered`: newcomers may have it.
    """

    chain_id: str
    height: int
    app_hash: bytes
    chunks: tuple[bytes, ...]
    offered: bool
    block_hash: bytes
    parts_total: int
    parts_hash: bytes
    time_ns: int
    validators: _Set
    next_validators: _Set
    last_validators: _Set
    app_hash_in_header: bytes
    results_hash: bytes

    @classmethod
    def of(cls, state: ChainState, chunks: tuple[bytes, ...], offered: bool) -> "Label":
        """Raises ValueError for the genesis, which needs no snapshot."""
        if state.last_validators is None or state.app_hash_in_header is None:
            raise ValueError("the genesis needs no snapshot")
        return cls(
            state.chain_id,
            state.height,
            state.app_hash,
            chunks,
            offered,
            state.last_block_id.hash,
            state.last_block_id.parts.total,
            state.last_block_id.parts.hash,
            state.last_time_ns,
            _pack(state.validators),
            _pack(state.next_validators),
            _pack(state.last_validators),
            state.app_hash_in_header,
            state.last_results_hash,
        )

    def encode(self) -> bytes:
        """The file's bytes."""
        payload = msgspec.msgpack.encode(self)
        return hashlib.sha256(payload).digest() + payload

    @classmethod
    def decode(cls, data: bytes) -> "Label":
        """Raises ValueError when a byte is not as it was written."""
        payload = data[_DIGEST_BYTES:]
        if hashlib.sha256(payload).digest() != data[:_DIGEST_BYTES]:
            raise ValueError("its digest does not check out")
        return msgspec.msgpack.decode(payload, type=cls)

    def state(self, genesis: ChainState) -> ChainState:
        """The chain's state; `genesis` is the one before its first block."""
        return replace(
            genesis,
            height=self.height,
            last_block_id=BlockID(self.block_hash, PartSetHeader(self.parts_total, self.parts_hash)),
            last_time_ns=self.time_ns,
            validators=_unpack(self.validators),
            next_validators=_unpack(self.next_validators),
            last_validators=_unpack(self.last_validators),
            app_hash=self.app_hash,
            app_hash_in_header=self.app_hash_in_header,
            last_results_hash=self.results_hash,
        )


def _pack(validators: ValidatorSet) -> _Set:
    members = tuple((one.public_key, one.power, one.priority) for one in validators.validators)
    return _Set(members, validators.proposer.public_key)


def _unpack(packed: _Set) -> ValidatorSet:
    members = tuple(
        Validator(Validator.of(key, power).address, key, power, priority)
        for key, power, priority in packed.members
    )
    proposer = next(one for one in members if one.public_key == packed.proposer)
    return ValidatorSet(members, proposer)
