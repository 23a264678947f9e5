"""The JSON in which CometBFT's RPC and genesis write the chain's things.

Rules (CometBFT v0.38)
- 64-bit integers are decimal strings, 32-bit ones are numbers; hashes and addresses are upper-case hex;
  keys, signatures and transactions are base64; times are RFC 3339 with as many decimals as needed.
- What is read back is checked by the types' own shapes; whatever does not fit raises JsonShapeError.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ledger.types.commit import BlockIDFlag, Commit, CommitSig
from ledger.types.header import Header, Version
from ledger.types.ids import BlockID, PartSetHeader
from ledger.types.merkle import Proof
from ledger.types.proto import ProtoError
from ledger.types.validators import Validator

KEY_TYPE = "tendermint/PubKeyEd25519"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z\Z", re.ASCII)
_DIGITS = re.compile(r"-?\d{1,19}\Z", re.ASCII)
_HEADER_HASHES = (
    "last_commit_hash",
    "data_hash",
    "validators_hash",
    "next_validators_hash",
    "consensus_hash",
    "app_hash",
    "last_results_hash",
    "evidence_hash",
    "proposer_address",
)
P = ParamSpec("P")
T = TypeVar("T")


class JsonShapeError(ValueError):
    """The peer's JSON does not have the shape of what it claims to be."""


def _shaped(read: Callable[P, T]) -> Callable[P, T]:
    """Turn every complaint about foreign JSON into JsonShapeError."""

    @wraps(read)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except JsonShapeError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError, ProtoError, OverflowError) as error:
            raise JsonShapeError(f"{read.__name__}: {type(error).__name__}: {error}") from error

    return checked


def time_to_text(ns: int) -> str:
    """RFC 3339 in UTC of nanoseconds since 1970, without trailing zeros."""
    seconds, nanos = divmod(ns, 1_000_000_000)
    whole = (_EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
    return whole + (f".{nanos:09d}".rstrip("0") if nanos else "") + "Z"


@_shaped
def time_from_text(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time in UTC."""
    found = _TIME.match(text)
    if found is None:
        raise JsonShapeError("expected an RFC 3339 time in UTC")
    whole = datetime.fromisoformat(found[1]).replace(tzinfo=UTC) - _EPOCH
    return (whole.days * 86_400 + whole.seconds) * 1_000_000_000 + int((found[2] or "0").ljust(9, "0"))


def base64_text(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


@_shaped
def base64_bytes(text: str) -> bytes:
    """The bytes of standard base64 `text`."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise JsonShapeError("expected base64") from error


def hex_text(data: bytes) -> str:
    """Upper-case hex."""
    return data.hex().upper()


def integer_of(value: Any) -> int:
    """An integer that is written as a decimal string, or (32 bits) as a number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise JsonShapeError("expected an integer or its decimal string")
    if isinstance(value, str) and not _DIGITS.match(value):
        raise JsonShapeError("expected a decimal string of at most 19 digits")
    return int(value)


def block_id_to_json(block_id: BlockID) -> dict[str, Any]:
    """A BlockID."""
    parts = {"total": block_id.parts.total, "hash": hex_text(block_id.parts.hash)}
    return {"hash": hex_text(block_id.hash), "parts": parts}


@_shaped
def block_id_from_json(value: Mapping[str, Any] | None) -> BlockID:
    """A BlockID; null is the empty one. The parts may be named as in RPC or as in protobuf JSON."""
    if value is None:
        return BlockID()
    parts = value["parts"] if "parts" in value else value["part_set_header"]
    header = PartSetHeader(integer_of(parts["total"]), bytes.fromhex(parts["hash"]))
    return BlockID.decode(BlockID(bytes.fromhex(value["hash"]), header).encode())


def header_to_json(header: Header) -> dict[str, Any]:
    """A Header."""
    return {
        "version": {"block": str(header.version.block), "app": str(header.version.app)},
        "chain_id": header.chain_id,
        "height": str(header.height),
        "time": time_to_text(header.time_ns),
        "last_block_id": block_id_to_json(header.last_block_id),
        **{name: hex_text(getattr(header, name)) for name in _HEADER_HASHES},
    }


@_shaped
def header_from_json(value: Mapping[str, Any]) -> Header:
    """A Header, its shape checked."""
    version = value["version"]
    header = Header(
        Version(integer_of(version.get("block", "0")), integer_of(version.get("app", "0"))),
        value["chain_id"],
        integer_of(value["height"]),
        time_from_text(value["time"]),
        block_id_from_json(value["last_block_id"]),
        *(bytes.fromhex(value[name]) for name in _HEADER_HASHES),
    )
    return Header.decode(header.encode())


def commit_to_json(commit: Commit) -> dict[str, Any]:
    """A Commit."""
    return {
        "height": str(commit.height),
        "round": commit.round,
        "block_id": block_id_to_json(commit.block_id),
        "signatures": [_slot_to_json(slot) for slot in commit.signatures],
    }


@_shaped
def commit_from_json(value: Mapping[str, Any]) -> Commit:
    """A Commit, its shape checked."""
    commit = Commit(
        integer_of(value["height"]),
        integer_of(value["round"]),
        block_id_from_json(value["block_id"]),
        tuple(_slot_from_json(slot) for slot in value["signatures"] or ()),
    )
    return Commit.decode(commit.encode())


def _slot_to_json(slot: CommitSig) -> dict[str, Any]:
    return {
        "block_id_flag": int(slot.flag),
        "validator_address": hex_text(slot.validator_address),
        "timestamp": time_to_text(slot.time_ns),
        "signature": base64_text(slot.signature) if slot.signature else None,
    }


def _slot_from_json(value: Mapping[str, Any]) -> CommitSig:
    return CommitSig(
        BlockIDFlag(integer_of(value["block_id_flag"])),
        bytes.fromhex(value["validator_address"]),
        time_from_text(value["timestamp"]),
        base64_bytes(value["signature"] or ""),
    )


def validator_to_json(validator: Validator) -> dict[str, Any]:
    """A Validator with its proposer priority, as the `validators` route writes it."""
    return {
        "address": hex_text(validator.address),
        "pub_key": {"type": KEY_TYPE, "value": base64_text(validator.public_key)},
        "voting_power": str(validator.power),
        "proposer_priority": str(validator.priority),
    }


@_shaped
def validator_from_json(value: Mapping[str, Any]) -> Validator:
    """A Validator; raises JsonShapeError, too, when the address is not that of its key."""
    if value["pub_key"]["type"] != KEY_TYPE:
        raise JsonShapeError("validators sign with Ed25519 only")
    validator = Validator.of(base64_bytes(value["pub_key"]["value"]), integer_of(value["voting_power"]))
    if bytes.fromhex(value["address"]) != validator.address:
        raise JsonShapeError("a validator's address is not that of its public key")
    priority = integer_of(value.get("proposer_priority") or 0)
    return Validator(validator.address, validator.public_key, validator.power, priority)


def proof_to_json(proof: Proof) -> dict[str, Any]:
    """A Merkle proof, as in the `tx` route."""
    return {
        "total": str(proof.total),
        "index": str(proof.index),
        "leaf_hash": base64_text(proof.leaf_hash),
        "aunts": [base64_text(aunt) for aunt in proof.aunts],
    }


@_shaped
def proof_from_json(value: Mapping[str, Any]) -> Proof:
    """A Merkle proof."""
    aunts = tuple(base64_bytes(aunt) for aunt in value["aunts"])
    return Proof(
        integer_of(value["total"]), integer_of(value["index"]), base64_bytes(value["leaf_hash"]), aunts
    )
