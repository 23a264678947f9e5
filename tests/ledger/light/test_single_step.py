"""Published verdicts of the CometBFT light client, 41 files with 99 steps, and lies made from them."""

from collections import Counter
from pathlib import Path

from ledger.light.verdict import Outcome
from tests.ledger.light.published import LIES, mutants, published_steps, with_priorities


def test_all_published_verdicts_are_reached(shared_data: Path) -> None:
    seen: Counter[Outcome] = Counter()
    for step in published_steps(shared_data):
        verdict = step.verdict()
        assert verdict.outcome is step.published, (step.name, verdict)
        seen[verdict.outcome] += 1
    assert seen == {Outcome.SUCCESS: 44, Outcome.NOT_ENOUGH_TRUST: 42, Outcome.INVALID: 13}


def test_every_lie_about_a_published_step_is_refused_by_its_rule(shared_data: Path) -> None:
    told: Counter[str] = Counter()
    for step in published_steps(shared_data):
        if step.published is not Outcome.SUCCESS:
            continue
        for lie, mutant, rules in mutants(step):
            verdict = mutant.verdict()
            assert verdict.outcome is Outcome.INVALID, (step.name, lie, verdict)
            assert verdict.rule in rules, (step.name, lie, verdict)
            told[lie] += 1
    assert set(told) == {*LIES, "the header lies in the future"}
    assert min(told.values()) >= 33


def test_altered_proposer_priority_is_refused_where_it_can_be_known(shared_data: Path) -> None:
    played = 0
    for step in published_steps(shared_data):
        if step.published is not Outcome.SUCCESS or (honest := with_priorities(step, None)) is None:
            continue
        assert honest.verdict().ok, (step.name, honest.verdict())
        for change in (1, -1, 10**6):
            forged = with_priorities(step, change)
            assert forged is not None
            assert forged.verdict().rule == "priorities", (step.name, change)
        played += 1
    assert played >= 20
