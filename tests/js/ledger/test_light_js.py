"""The page's light client reaches Python's verdicts: published steps, lies, nodes of every kind."""

from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import Page

from ledger.light.light_json import light_block_to_json
from ledger.light.verdict import Outcome
from tests.ledger.light import consents
from tests.ledger.light.chain import CHAIN, validators_of
from tests.ledger.light.published import Step, mutants, published_steps, with_any_priorities, with_priorities
from tests.ledger.light.scenarios import HONEST, SCENARIOS
from tests.ledger.light.test_bundle import tx_bundle

pytestmark = pytest.mark.browser


def verdicts(page: Page, steps: list[Step]) -> list[list[str]]:
    answer: list[list[str]] = page.evaluate(
        "steps => window.lightVerdicts(steps)", [step.to_json() for step in steps]
    )
    return answer


def by_python(steps: list[Step]) -> list[list[str]]:
    return [[step.verdict().outcome.value, step.verdict().rule] for step in steps]


def test_all_published_verdicts_are_reached(page: Page, shared_data: Path) -> None:
    steps = published_steps(shared_data)
    told = verdicts(page, steps)
    assert [outcome for outcome, _rule in told] == [step.published.value for step in steps]
    assert told == by_python(steps)
    assert len(steps) == 99


def test_every_lie_about_a_published_step_is_refused_by_the_same_rule(page: Page, shared_data: Path) -> None:
    good = [step for step in published_steps(shared_data) if step.published is Outcome.SUCCESS]
    lies = [mutant for step in good for _lie, mutant, _rules in mutants(step)]
    told = verdicts(page, lies)
    assert told == by_python(lies)
    assert {outcome for outcome, _rule in told} == {Outcome.INVALID.value}
    assert len(lies) >= 600


def test_proposer_priorities_follow_as_in_python(page: Page, shared_data: Path) -> None:
    good = [step for step in published_steps(shared_data) if step.published is Outcome.SUCCESS]
    honest = [stated for step in good if (stated := with_priorities(step, None)) is not None]
    altered = [stated for step in good if (stated := with_priorities(step, 1)) is not None]
    assert verdicts(page, honest) == [[Outcome.SUCCESS.value, ""]] * len(honest)
    assert verdicts(page, altered) == [[Outcome.INVALID.value, "priorities"]] * len(altered)
    assert len(altered) >= 20


def test_turns_of_proposing_are_worked_out_as_in_python(page: Page, shared_data: Path) -> None:
    """Far apart, so that they are scaled; of negative sum, so that the average is floored."""
    chance = Random(11)
    any_priorities = iter(
        lambda: chance.randint(-(10 ** chance.randint(1, 9)), 10 ** chance.randint(1, 5)), None
    )
    good = [step for step in published_steps(shared_data) if step.published is Outcome.SUCCESS]
    turned = [made for step in good * 20 if (made := with_any_priorities(step, any_priorities)) is not None]
    assert verdicts(page, turned) == [[Outcome.SUCCESS.value, ""]] * len(turned)
    assert len(turned) >= 40


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_ends_as_in_python(page: Page, name: str) -> None:
    scenario = SCENARIOS[name]
    told = page.evaluate("scenario => window.lightScenario(scenario)", scenario.to_json())
    assert told == scenario.play()


def test_a_vouched_for_hash_is_where_trust_begins(page: Page) -> None:
    blocks = {str(height): light_block_to_json(block) for height, block in HONEST.items()}
    given = {"blocks": blocks, "height": 5, "hash": HONEST[5].header.hash.hex(), "now": 1_700_000_060_000}
    good, bad, early, empty, torn = page.evaluate("given => window.lightTrust(given)", given)
    assert (good["end"], good["height"]) == ("verified", 5)
    assert bad == {"end": "refused", "rule": "hash"}
    assert early == {"end": "refused", "rule": "future"}
    assert empty == {"end": "refused", "rule": "trust"}
    assert torn == {"end": "refused", "rule": "commit"}


def test_transaction_for_another_ledger_is_refused_though_it_is_included(page: Page) -> None:
    trusted = {"chain_id": CHAIN, "validators_hash": validators_of("ABCD").hash.hex()}
    told = [
        page.evaluate("given => window.lightBundle(given)", {"bundle": tx_bundle(ledger), "trusted": trusted})
        for ledger in (CHAIN, "salus-other")
    ]
    assert told == [[2, "ConsentRevoked"], ["refused", "chain"]]


@pytest.mark.parametrize("name", consents.FACTS)
def test_two_facts_about_a_consent_say_the_same_as_in_python(page: Page, name: str) -> None:
    case = consents.FACTS[name]
    assert page.evaluate("given => window.lightConsent(given)", case.to_json()) == case.play()


@pytest.mark.parametrize("name", consents.BUNDLES)
def test_two_bundles_about_a_consent_say_the_same_as_in_python(page: Page, name: str) -> None:
    case = consents.BUNDLES[name]
    assert page.evaluate("given => window.lightConsent(given)", case.to_json()) == case.play()
