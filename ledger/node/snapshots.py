"""The state after some block, in one file with a digest: a start need not execute the whole chain again."""

import hashlib
from dataclasses import replace
from pathlib import Path

import msgspec

from ledger.node.chain import ChainState
from ledger.node.log import log
from ledger.node.record_log import write_atomically
from ledger.types.ids import BlockID, PartSetHeader
from ledger.types.validators import Validator, ValidatorSet


class _Set(msgspec.Struct, frozen=True, array_like=True):
    members: tuple[tuple[bytes, int, int], ...]
    """Public key, power, priority, in the set's order."""
    proposer: bytes
    """The proposer's public key."""


class _Snapshot(msgspec.Struct, frozen=True, array_like=True):
    chain_id: str
    height: int
    block_hash: bytes
    parts_total: int
    parts_hash: bytes
    time_ns: int
    validators: _Set
    next_validators: _Set
    last_validators: _Set
    app_hash: bytes
    app_hash_in_header: bytes
    results_hash: bytes
    app: bytes


def save_snapshot(path: Path, state: ChainState, app: bytes) -> None:
    """Write the state after `state.height` >= 1 and the application's snapshot, atomically."""
    if state.last_validators is None or state.app_hash_in_header is None:
        raise ValueError("the genesis needs no snapshot")
    parts = state.last_block_id.parts
    payload = msgspec.msgpack.encode(
        _Snapshot(
            state.chain_id,
            state.height,
            state.last_block_id.hash,
            parts.total,
            parts.hash,
            state.last_time_ns,
            _pack(state.validators),
            _pack(state.next_validators),
            _pack(state.last_validators),
            state.app_hash,
            state.app_hash_in_header,
            state.last_results_hash,
            app,
        )
    )
    write_atomically(path, hashlib.sha256(payload).digest() + payload)


def load_snapshot(path: Path, genesis: ChainState) -> tuple[ChainState, bytes] | None:
    """The state and the application's snapshot; None when there is no usable file (the chain is then executed
    from the beginning, which needs no trust in this file)."""
    if not path.exists():
        return None
    data = path.read_bytes()
    try:
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            raise ValueError("its digest does not check out")
        found = msgspec.msgpack.decode(data[32:], type=_Snapshot)
        if found.chain_id != genesis.chain_id:
            raise ValueError("it is of another chain")
    except ValueError as error:
        log("snapshot_ignored", why=str(error))
        return None
    state = replace(
        genesis,
        height=found.height,
        last_block_id=BlockID(found.block_hash, PartSetHeader(found.parts_total, found.parts_hash)),
        last_time_ns=found.time_ns,
        validators=_unpack(found.validators),
        next_validators=_unpack(found.next_validators),
        last_validators=_unpack(found.last_validators),
        app_hash=found.app_hash,
        app_hash_in_header=found.app_hash_in_header,
        last_results_hash=found.results_hash,
    )
    return state, found.app


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
