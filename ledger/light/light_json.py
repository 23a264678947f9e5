"""Light blocks as JSON: what trusted stores, proof bundles and pages carry.

Rules
- `{"signed_header": {"header", "commit"}, "validators": [..], "next_validators": [..]}` in CometBFT's JSON
  forms; `next_validators` may be missing or null.
- A set's order is worked out, never believed; a validator's address must be that of its key.
- Proposer priorities count as stated when every validator of every set given has one.
- Whatever does not fit raises JsonShapeError: malformed is malformed, whoever sent it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ledger.light.verdict import LightBlock, TrustedState
from ledger.types.rpc_json import (
    JsonShapeError,
    commit_from_json,
    commit_to_json,
    header_from_json,
    header_to_json,
    validator_from_json,
    validator_to_json,
)
from ledger.types.validators import ValidatorSet, ValidatorSetError

MAX_VALIDATORS = 10_000


def light_block_from_json(value: Mapping[str, Any]) -> LightBlock:
    """The light block that `value` states. Raises JsonShapeError."""
    try:
        signed, members, after = value["signed_header"], value["validators"], value.get("next_validators")
        return LightBlock(
            header_from_json(signed["header"]),
            commit_from_json(signed["commit"]),
            validators_from_json(members),
            validators_from_json(after) if after is not None else None,
            all(_states_priority(member) for member in (*members, *(after or ()))),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise JsonShapeError(f"not a light block: {type(error).__name__}: {error}") from error


def trusted_state_from_json(value: Mapping[str, Any]) -> TrustedState:
    """The trusted state in `{"header", "next_validators"}`. Raises JsonShapeError."""
    try:
        after = value["next_validators"]
        stated = all(_states_priority(member) for member in after)
        return TrustedState(header_from_json(value["header"]), validators_from_json(after), stated)
    except (KeyError, TypeError, AttributeError) as error:
        raise JsonShapeError(f"not a trusted state: {type(error).__name__}: {error}") from error


def light_block_to_json(block: LightBlock) -> dict[str, Any]:
    """The JSON of a light block; priorities only where it states them."""
    after = block.next_validators
    return {
        "signed_header": {
            "header": header_to_json(block.header),
            "commit": commit_to_json(block.commit),
        },
        "validators": _set_to_json(block.validators, block.priorities_stated),
        "next_validators": None if after is None else _set_to_json(after, block.priorities_stated),
    }


def validators_from_json(members: Sequence[Mapping[str, Any]]) -> ValidatorSet:
    """The set of these validators, in its own order, with priorities as stated. Raises JsonShapeError."""
    if not isinstance(members, list) or len(members) > MAX_VALIDATORS:
        raise JsonShapeError(f"expected a list of at most {MAX_VALIDATORS} validators")
    given = {member.address: member for member in map(validator_from_json, members)}
    try:
        if len(given) != len(members):
            raise ValidatorSetError("the same validator occurs twice")
        fresh = ValidatorSet.of(given.values())
    except ValidatorSetError as error:
        raise JsonShapeError(f"validators: {error}") from error
    return replace(fresh, validators=tuple(given[member.address] for member in fresh.validators))


def _states_priority(member: Mapping[str, Any]) -> bool:
    return member.get("proposer_priority") not in (None, "")


def _set_to_json(validators: ValidatorSet, with_priorities: bool) -> list[dict[str, Any]]:
    members = [validator_to_json(member) for member in validators.validators]
    if not with_priorities:
        for member in members:
            del member["proposer_priority"]
    return members
