"""The genesis document: what all validators agree on before the first block.

Rules (CometBFT v0.38)
- Chain id of 1 to 50 bytes, at least one validator, initial height of at least 1, parameters within bounds.
- A validator's address, if written, is that of its key; nobody occurs twice; keys must be registrable.
- `app_state` is the application's own and handed over as it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.types.header import MAX_CHAIN_ID
from ledger.types.ids import address_of
from ledger.types.params import ConsensusParams, ParamsError
from ledger.types.rpc_json import (
    KEY_TYPE,
    JsonShapeError,
    base64_bytes,
    base64_text,
    hex_text,
    integer_of,
    time_from_text,
    time_to_text,
)
from ledger.types.signing import BadPublicKey, check_public_key
from ledger.types.validators import Validator, ValidatorSet, ValidatorSetError

DEFAULT_PARAMS = ConsensusParams()


class GenesisError(ValueError):
    """The genesis document cannot start a chain; the consortium must agree on another."""


@dataclass(frozen=True)
class GenesisValidator:
    """A first validator: Ed25519 public key (32 bytes), voting power, and a name for people."""

    public_key: bytes
    power: int
    name: str = ""


@dataclass(frozen=True)
class Genesis:
    """The beginning of a chain. `time_ns` is nanoseconds since 1970 UTC and the first block's time."""

    chain_id: str
    time_ns: int
    validators: tuple[GenesisValidator, ...]
    app_state: Mapping[str, Any]
    params: ConsensusParams = DEFAULT_PARAMS
    initial_height: int = 1
    app_hash: bytes = b""
    app_version: int = 0

    def __post_init__(self) -> None:
        if not 0 < len(self.chain_id.encode("utf-8")) <= MAX_CHAIN_ID:
            raise GenesisError(f"chain_id must have 1 to {MAX_CHAIN_ID} bytes")
        if self.initial_height < 1:
            raise GenesisError(f"initial_height must be at least 1, got {self.initial_height}")
        try:
            for validator in self.validators:
                check_public_key(validator.public_key)
            self.validator_set()
        except (BadPublicKey, ValidatorSetError) as error:
            raise GenesisError(f"validators: {error}") from error

    def validator_set(self) -> ValidatorSet:
        """The set of the first height, with its first proposer chosen."""
        return ValidatorSet.of(Validator.of(each.public_key, each.power) for each in self.validators)

    def to_json(self) -> dict[str, Any]:
        """The document as CometBFT writes it."""
        return {
            "genesis_time": time_to_text(self.time_ns),
            "chain_id": self.chain_id,
            "initial_height": str(self.initial_height),
            "consensus_params": params_to_json(self.params, self.app_version),
            "validators": [_validator_to_json(validator) for validator in self.validators],
            "app_hash": hex_text(self.app_hash),
            "app_state": dict(self.app_state),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Genesis":
        """The genesis that `document` states. Raises GenesisError."""
        try:
            params = document.get("consensus_params")
            return cls(
                document["chain_id"],
                time_from_text(document["genesis_time"]),
                tuple(_validator_from_json(value) for value in document["validators"]),
                document.get("app_state") or {},
                params_from_json(params) if params else ConsensusParams(),
                integer_of(document.get("initial_height") or 1),
                bytes.fromhex(document.get("app_hash") or ""),
                integer_of((params or {}).get("version", {}).get("app", "0")),
            )
        except GenesisError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise GenesisError(f"malformed genesis: {type(error).__name__}: {error}") from error

    @classmethod
    def read(cls, data: bytes) -> "Genesis":
        """The genesis in the bytes of a genesis.json. Raises GenesisError."""
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise GenesisError("genesis.json is not JSON") from error
        if not isinstance(document, dict):
            raise GenesisError("genesis.json must hold one object")
        return cls.from_json(document)


def params_to_json(params: ConsensusParams, app_version: int = 0) -> dict[str, Any]:
    """Consensus parameters as in genesis and in the `consensus_params` route."""
    return {
        "block": {"max_bytes": str(params.max_bytes), "max_gas": str(params.max_gas)},
        "evidence": {
            "max_age_num_blocks": str(params.evidence_max_age_blocks),
            "max_age_duration": str(params.evidence_max_age_ns),
            "max_bytes": str(params.evidence_max_bytes),
        },
        "validator": {"pub_key_types": ["ed25519"]},
        "version": {"app": str(app_version)},
        "abci": {"vote_extensions_enable_height": "0"},
    }


def params_from_json(value: Mapping[str, Any]) -> ConsensusParams:
    """Consensus parameters. Raises GenesisError when they are out of bounds or ask for what we lack."""
    if value.get("validator", {}).get("pub_key_types", ["ed25519"]) != ["ed25519"]:
        raise GenesisError("validators sign with ed25519 only")
    if integer_of(value.get("abci", {}).get("vote_extensions_enable_height", "0")):
        raise GenesisError("vote extensions are off in this ledger: vote_extensions_enable_height must be 0")
    block, evidence = value["block"], value["evidence"]
    try:
        return ConsensusParams(
            integer_of(block["max_bytes"]),
            integer_of(block["max_gas"]),
            integer_of(evidence["max_age_num_blocks"]),
            integer_of(evidence["max_age_duration"]),
            integer_of(evidence["max_bytes"]),
        )
    except ParamsError as error:
        raise GenesisError(f"consensus_params: {error}") from error


def _validator_to_json(validator: GenesisValidator) -> dict[str, Any]:
    return {
        "address": hex_text(address_of(validator.public_key)),
        "pub_key": {"type": KEY_TYPE, "value": base64_text(validator.public_key)},
        "power": str(validator.power),
        "name": validator.name,
    }


def _validator_from_json(value: Mapping[str, Any]) -> GenesisValidator:
    if value["pub_key"]["type"] != KEY_TYPE:
        raise GenesisError("validators sign with Ed25519 only")
    public_key = base64_bytes(value["pub_key"]["value"])
    if value.get("address") and bytes.fromhex(value["address"]) != address_of(public_key):
        raise JsonShapeError("a validator's address is not that of its public key")
    return GenesisValidator(public_key, integer_of(value["power"]), value.get("name", ""))
