"""Published verdicts of the CometBFT light client: 41 files, 99 steps."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from ledger.light.verdict import LightBlock, Options, Outcome, TrustedState
from ledger.light.verifier import verify
from ledger.types.block import Commit
from ledger.types.ids import NO_TIME_NS
from ledger.types.rpc_json import (
    commit_from_json,
    header_from_json,
    time_from_text,
    time_to_text,
    validator_from_json,
)
from ledger.types.validators import ValidatorSet, ValidatorSetError

OUTCOMES = {
    "SUCCESS": Outcome.SUCCESS,
    "NOT_ENOUGH_TRUST": Outcome.NOT_ENOUGH_TRUST,
    "INVALID": Outcome.INVALID,
}


def validator_set(value: dict[str, Any]) -> ValidatorSet:
    return ValidatorSet.of(validator_from_json(validator) for validator in value["validators"])


def commit_of(value: dict[str, Any]) -> Commit:
    """The vectors date absent slots 1970; CometBFT writes, and its ValidateBasic wants, Go's zero time."""
    slots = value["signatures"] or []
    dated = [
        slot | {"timestamp": time_to_text(NO_TIME_NS)} if slot["block_id_flag"] == 1 else slot
        for slot in slots
    ]
    return commit_from_json(value | {"signatures": dated})


def light_block(value: dict[str, Any]) -> LightBlock:
    signed = value["signed_header"]
    return LightBlock(
        header_from_json(signed["header"]),
        commit_of(signed["commit"]),
        validator_set(value["validator_set"]),
        validator_set(value["next_validator_set"]) if value["next_validator_set"]["validators"] else None,
    )


def play(path: Path) -> Counter[Outcome]:
    case = json.loads(path.read_text())
    initial = case["initial"]
    options = Options(int(initial["trusting_period"]))
    trusted = TrustedState(
        header_from_json(initial["signed_header"]["header"]), validator_set(initial["next_validator_set"])
    )
    seen: Counter[Outcome] = Counter()
    for number, step in enumerate(case["input"]):
        try:
            block = light_block(step["block"])
        except ValidatorSetError:  # an empty validator set never becomes a LightBlock
            assert step["verdict"] == "INVALID", (path.name, number)
            seen[Outcome.INVALID] += 1
            continue
        verdict = verify(trusted, block, options, time_from_text(step["now"]))
        assert verdict.outcome is OUTCOMES[step["verdict"]], (path.name, number, verdict)
        seen[verdict.outcome] += 1
        if verdict.ok:
            assert block.next_validators is not None
            trusted = TrustedState(block.header, block.next_validators)
    return seen


def test_all_published_verdicts_are_reached(shared_data: Path) -> None:
    folder = shared_data / "vectors" / "light-client-single-step"
    seen: Counter[Outcome] = Counter()
    for path in sorted(folder.glob("*.json")):
        seen += play(path)
    assert seen == {Outcome.SUCCESS: 44, Outcome.NOT_ENOUGH_TRUST: 42, Outcome.INVALID: 13}
