"""A phone follows one ledger over visits: validators come and go, it sleeps for weeks, nodes lie."""

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page

from ledger.light.light_json import light_block_to_json
from ledger.light.verdict import LightBlock
from ledger.types.rpc_json import time_to_text, validator_to_json
from tests.ledger.light.chain import CHAIN, SECOND, START, Plan, grow, tampered, validators_of
from tests.ledger.light.scenarios import HONEST, ROTATING, Blocks, forked, upto

pytestmark = pytest.mark.browser
HOUR_MS = 3_600_000
NOW_MS = START // 1_000_000 + 60_000
LONG = grow(Plan(lambda height: "ABCDEFGHIJKLMNOP"[height // 12 : height // 12 + 4]), 100)
"""One of four validators changes every twelfth height."""
STRANGERS = grow(Plan(lambda height: "MNOP"), 12)


def visit(blocks: Blocks, *asks: LightBlock | None, now: int = NOW_MS, others: Any = ()) -> dict[str, Any]:
    """One visit, to this node and an equal witness unless `others` are given; None asks for the latest."""
    nodes = [blocks, *(others or [blocks])]
    return {
        "nodes": [
            None if node is None else {str(h): light_block_to_json(b) for h, b in node.items()}
            for node in nodes
        ],
        "now": now,
        "asks": [{"latest": True} if each is None else {"reach": bare(each)} for each in asks],
    }


def bare(block: LightBlock) -> dict[str, Any]:
    """As a proof bundle carries it: without the next validators."""
    return light_block_to_json(replace(block, next_validators=None))


def follow(page: Page, *visits: dict[str, Any], kept: str | None = None) -> list[dict[str, Any]]:
    members = [validator_to_json(member) for member in validators_of("ABCD").validators]
    genesis = {"chain_id": CHAIN, "genesis_time": time_to_text(START), "validators": members}
    given = {"genesis": genesis, "period": HOUR_MS, "visits": visits, "kept": kept}
    told: list[dict[str, Any]] = page.evaluate("given => window.followedVisits(given)", given)
    return told


def ends(told: dict[str, Any]) -> list[Any]:
    return [end for end, _fetched in told["told"]]


def test_the_first_visit_goes_from_the_genesis_to_the_newest_block(page: Page) -> None:
    [told] = follow(page, visit(HONEST, None))
    assert ends(told) == [12]
    assert told["kept"] == [1, 12]
    assert told["again"] is False


def test_proofs_by_known_validators_are_judged_without_asking_anybody(page: Page) -> None:
    _first, second = follow(page, visit(upto(HONEST, 6), None), visit(HONEST, HONEST[3], HONEST[12]))
    assert second["told"] == [["reached", 0], ["reached", 0]]


def test_a_phone_that_slept_through_every_change_of_validators_reaches_the_newest(page: Page) -> None:
    """Nobody who signed block 6 is a validator any more at block 24."""
    first, second = follow(
        page, visit(upto(ROTATING, 6), None), visit(ROTATING, ROTATING[24], ROTATING[23], ROTATING[13])
    )
    assert ends(first) == [6]
    assert ends(second) == ["reached"] * 3
    assert second["again"] is False


def test_an_old_proof_between_kept_blocks_follows_from_the_older_one(page: Page) -> None:
    [told] = follow(page, visit(LONG, None, LONG[50], LONG[99], LONG[2], now=NOW_MS + 60_000))
    assert ends(told) == [100, "reached", "reached", "reached"]


def test_beyond_the_trusting_period_it_begins_again_from_the_genesis_and_says_so(page: Page) -> None:
    later = grow(replace(Plan(lambda height: "ABCD"), step_ns=600 * SECOND), 20, upto(HONEST, 6))
    weeks = NOW_MS + 3 * HOUR_MS
    first, second = follow(page, visit(upto(HONEST, 6), None), visit(later, None, later[10], now=weeks))
    assert first["again"] is False
    assert (ends(second), second["again"]) == ([20, "reached"], True)


def test_a_newer_proof_is_not_judged_by_keys_that_are_beyond_the_trusting_period(page: Page) -> None:
    later = grow(replace(Plan(lambda height: "ABCD"), step_ns=600 * SECOND), 20, upto(HONEST, 6))
    weeks = NOW_MS + 3 * HOUR_MS
    _first, second = follow(page, visit(upto(HONEST, 6), None), visit(later, later[10], now=weeks))
    assert (ends(second), second["again"]) == (["reached"], True)


def test_two_who_left_and_strangers_cannot_rewrite_what_lies_between_kept_blocks(page: Page) -> None:
    """More than a third of those trusted at block 1 signed it: enough to go up, not to tell the past anew."""
    forged = grow(replace(Plan(lambda height: "ABMNO"), salt="fork"), 5)[5]
    [told] = follow(page, visit(LONG, None, forged, now=NOW_MS + 60_000))
    assert ends(told) == [100, "conflict"]


def test_an_idle_ledger_that_outlived_the_period_is_not_taken_for_fresh(page: Page) -> None:
    _first, second = follow(
        page, visit(HONEST, None), visit(HONEST, None, HONEST[12], now=NOW_MS + 2 * HOUR_MS)
    )
    assert ends(second) == [12, "reached"]
    assert second["again"] is True


@pytest.mark.parametrize("height", [7, 12])
def test_strangers_signatures_reach_nothing(page: Page, height: int) -> None:
    _first, second = follow(page, visit(HONEST, None), visit(STRANGERS, STRANGERS[height]))
    assert ends(second) != ["reached"]


def test_another_block_of_a_known_height_is_a_conflict(page: Page) -> None:
    other = forked(12)
    _first, second = follow(page, visit(HONEST, None), visit(HONEST, other[12]))
    assert ends(second) == ["conflict"]


@pytest.mark.parametrize("field", ["app_hash", "data_hash"])
def test_a_header_altered_after_signing_is_refused(page: Page, field: str) -> None:
    _first, second = follow(
        page, visit(HONEST, None), visit(HONEST, tampered(HONEST[5], **{field: b"\x66" * 32}))
    )
    assert ends(second) == ["commit"]


def test_two_signed_histories_are_an_attack_and_nothing_is_kept(page: Page) -> None:
    forged = forked(7, app=lambda height: "forged")
    first, second = follow(page, visit(upto(HONEST, 6), None), visit(forged, None, others=[HONEST]))
    assert (ends(second), second["kept"]) == (["AttackDetected"], first["kept"])


def test_a_dead_validator_is_passed_over_at_the_first_visit_and_later(page: Page) -> None:
    dead: Any = None
    first, second = follow(
        page,
        visit(dead, None, others=[upto(HONEST, 6), upto(HONEST, 6)]),
        visit(dead, None, others=[HONEST, HONEST]),
    )
    assert (ends(first), ends(second)) == ([6], [12])


def test_with_no_second_validator_that_answers_nothing_is_believed(page: Page) -> None:
    _first, second = follow(page, visit(upto(HONEST, 6), None), visit(HONEST, None, others=[None]))
    assert ends(second) == ["NotConfirmed"]


@pytest.mark.parametrize(
    "kept", ["{", "[]", "null", '[{"signed_header": {"header": {"chain_id": "x"}}}]', "[3]"]
)
def test_damaged_memory_is_dropped_not_believed(page: Page, kept: str) -> None:
    [told] = follow(page, visit(HONEST, None), kept=kept)
    assert ends(told) == [12]
