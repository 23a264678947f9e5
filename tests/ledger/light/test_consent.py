"""Granted at H, not revoked at H', and how old that is."""

import pytest

from ledger.light.bundle import verify_consent
from ledger.light.consent import ConsentKnowledge, consent_knowledge
from ledger.light.light_json import light_block_to_json
from ledger.light.verdict import Outcome, Verdict
from tests.ledger.light.consents import (
    BUNDLES,
    CONSENT,
    FACTS,
    FIRST,
    FORGED,
    NOW,
    OPTIONS,
    ROOT,
    bundle,
    entry,
    fact,
)


@pytest.mark.parametrize("name", FACTS)
def test_two_facts(name: str) -> None:
    assert FACTS[name].play() == FACTS[name].expected


@pytest.mark.parametrize("name", BUNDLES)
def test_two_bundles(name: str) -> None:
    assert BUNDLES[name].play() == BUNDLES[name].expected


def test_strangers_signatures_prove_no_consent() -> None:
    forged = {**bundle(9), **light_block_to_json(FORGED[10])}
    verdict = verify_consent(CONSENT, bundle(3), forged, ROOT, OPTIONS, NOW)
    assert isinstance(verdict, Verdict)
    assert verdict.outcome is Outcome.NOT_ENOUGH_TRUST


def test_words_say_what_is_not_known() -> None:
    known = consent_knowledge(CONSENT, FIRST, fact(9, entry()), NOW)
    assert isinstance(known, ConsentKnowledge)
    assert known.words == (
        f"Consent {CONSENT}: granted at block 3, not revoked at block 9, 51 s ago;"
        " what happened since is not known."
    )
