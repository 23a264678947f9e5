"""The published single steps in our JSON, and what a liar makes of those that succeed."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ledger.light.light_json import light_block_from_json, trusted_state_from_json
from ledger.light.verdict import Options, Outcome, Verdict, invalid
from ledger.light.verifier import verify
from ledger.types.ids import NO_TIME_NS
from ledger.types.rpc_json import JsonShapeError, time_from_text, time_to_text, validator_to_json
from ledger.types.validators import Validator, ValidatorSet

Json = dict[str, Any]
OUTCOMES = {
    "SUCCESS": Outcome.SUCCESS,
    "NOT_ENOUGH_TRUST": Outcome.NOT_ENOUGH_TRUST,
    "INVALID": Outcome.INVALID,
}


@dataclass(frozen=True)
class Step:
    """Verify `block` from `trusted` at `now_ns`; both in our JSON."""

    name: str
    trusted: Json
    block: Json
    period_ns: int
    now_ns: int
    published: Outcome

    def verdict(self) -> Verdict:
        """Python's verdict; malformed is INVALID by the rule `form`."""
        try:
            trusted, block = trusted_state_from_json(self.trusted), light_block_from_json(self.block)
        except JsonShapeError as error:
            return invalid("form", str(error))
        return verify(trusted, block, Options(self.period_ns), self.now_ns)

    def to_json(self) -> Json:
        """The same for JavaScript."""
        return {
            "trusted": self.trusted,
            "block": self.block,
            "periodNs": str(self.period_ns),
            "nowNs": str(self.now_ns),
        }


def published_steps(shared_data: Path) -> list[Step]:
    """Every published step, trusting what the published verdicts before it let one trust."""
    folder = shared_data / "vectors" / "light-client-single-step"
    return [step for path in sorted(folder.glob("*.json")) for step in _steps(path)]


def _steps(path: Path) -> Iterator[Step]:
    case = json.loads(path.read_text())
    initial = case["initial"]
    trusted = _trusted(initial["signed_header"]["header"], initial["next_validator_set"])
    for number, given in enumerate(case["input"]):
        outcome = OUTCOMES[given["verdict"]]
        block, now_ns = _block(given["block"]), time_from_text(given["now"])
        yield Step(f"{path.stem} {number}", trusted, block, int(initial["trusting_period"]), now_ns, outcome)
        if outcome is Outcome.SUCCESS:
            trusted = _trusted(block["signed_header"]["header"], given["block"]["next_validator_set"])


def _trusted(header: Json, after: Json) -> Json:
    return {"header": header, "next_validators": after["validators"]}


def _block(value: Json) -> Json:
    signed = copy.deepcopy(value["signed_header"])
    slots = signed["commit"]["signatures"] or []
    # The vectors date absent slots 1970; CometBFT writes, and its ValidateBasic wants, Go's zero time.
    for slot in slots:
        if slot["block_id_flag"] == 1:
            slot["timestamp"] = time_to_text(NO_TIME_NS)
    signed["commit"]["signatures"] = slots
    after = value["next_validator_set"]["validators"]
    return {
        "signed_header": signed,
        "validators": value["validator_set"]["validators"],
        "next_validators": after or None,
    }


Change = Callable[[Json], None]


def _slots(block: Json) -> list[Json]:
    slots: list[Json] = block["signed_header"]["commit"]["signatures"]
    return slots


def _filled(block: Json) -> list[Json]:
    return [slot for slot in _slots(block) if slot["block_id_flag"] != 1]


def _absent(block: Json) -> None:
    """Nobody signed: each slot is a well-formed absent one."""
    time = time_to_text(NO_TIME_NS)
    for slot in _slots(block):
        slot.update(block_id_flag=1, validator_address="", timestamp=time, signature=None)


def _swap_addresses(block: Json) -> None:
    one, other = _filled(block)[:2]
    one["validator_address"], other["validator_address"] = (
        other["validator_address"],
        one["validator_address"],
    )


def _vote_twice(block: Json) -> None:
    _filled(block)[1].update(_filled(block)[0])


def _all_nil(block: Json) -> None:
    for slot in _filled(block):
        slot["block_id_flag"] = 3


def _flip(block: Json) -> None:
    slot = _filled(block)[0]
    slot["signature"] = ("B" if slot["signature"][0] == "A" else "A") + slot["signature"][1:]


def _block_id(**changes: Any) -> Change:
    return lambda block: block["signed_header"]["commit"]["block_id"].update(changes)


LIES: dict[str, tuple[Change, set[str]]] = {
    "a slot is missing": (lambda block: _slots(block).pop() and None, {"commit"}),
    "a signature is empty": (lambda block: _filled(block)[0].update(signature=""), {"form"}),
    "nobody signed": (_absent, {"quorum"}),
    "a signature is altered": (_flip, {"signature"}),
    "addresses are swapped": (_swap_addresses, {"commit"}),
    "a vote stands twice": (_vote_twice, {"commit"}),
    "another chain": (lambda block: block["signed_header"]["header"].update(chain_id="other"), {"chain"}),
    "a validator is left out": (lambda block: block["validators"].pop() and None, {"validators", "form"}),
    "a validator stands twice": (lambda block: block["validators"].append(block["validators"][0]), {"form"}),
    "signatures are reordered": (lambda block: _slots(block).reverse(), {"commit"}),
    "the commit is for another block": (_block_id(hash="AA" * 32), {"commit"}),
    "precommits are for other parts": (
        _block_id(parts={"total": 9, "hash": "AA" * 32}),
        {"signature"},
    ),
    "votes for nil are counted": (_all_nil, {"quorum"}),
    "the proposer is altered": (
        lambda block: block["signed_header"]["header"].update(proposer_address="AA" * 20),
        {"commit"},
    ),
    "an app hash is put in": (
        lambda block: block["signed_header"]["header"].update(app_hash="AA" * 32),
        {"commit"},
    ),
}
NEEDS_TWO_SLOTS = {"addresses are swapped", "a vote stands twice", "signatures are reordered"}


def mutants(step: Step) -> Iterator[tuple[str, Step, set[str]]]:
    """What a liar makes of a step that succeeds: the lie, the step, and the rules that may refuse it."""
    for lie, (change, rules) in LIES.items():
        if lie in NEEDS_TWO_SLOTS and len(_filled(step.block)) < 2:
            continue
        block = copy.deepcopy(step.block)
        change(block)
        yield lie, replace(step, block=block), rules
    header_ns = time_from_text(step.block["signed_header"]["header"]["time"])
    yield "the header lies in the future", replace(step, now_ns=header_ns), {"future"}


def with_priorities(step: Step, altered: int | None) -> Step | None:
    """The step with proposer priorities stated as they follow; one of them altered by `altered`.

    None where they follow from nothing that is given: neither the trusted next set nor the block's own.
    """
    trusted, block = trusted_state_from_json(step.trusted), light_block_from_json(step.block)
    after = block.next_validators
    adjacent = block.height == trusted.header.height + 1
    same = after is not None and after.hash == block.validators.hash
    if after is None or not (adjacent or same):
        return None
    own = trusted.next_validators if adjacent else block.validators
    following = own.advanced(1) if same else after
    stated = {**step.block, "validators": _stated(own, altered), "next_validators": _stated(following)}
    return replace(
        step, trusted={**step.trusted, "next_validators": _stated(trusted.next_validators)}, block=stated
    )


def with_any_priorities(step: Step, priorities: Iterator[int]) -> Step | None:
    """The step with these priorities stated for the block's set, and those of one turn later for the next.

    None where the next set is another one.
    """
    block = light_block_from_json(step.block)
    if block.next_validators is None or block.next_validators.hash != block.validators.hash:
        return None
    members = tuple(replace(each, priority=next(priorities)) for each in block.validators.validators)
    own = replace(block.validators, validators=members)
    stated = {**step.block, "validators": _stated(own), "next_validators": _stated(own.advanced(1))}
    return replace(step, block=stated)


def _stated(validators: ValidatorSet, altered: int | None = None) -> list[Json]:
    members = list(validators.validators)
    if altered is not None:
        first: Validator = members[0]
        members[0] = replace(first, priority=first.priority + altered)
    return [validator_to_json(member) for member in members]
