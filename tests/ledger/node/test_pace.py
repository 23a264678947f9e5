"""The interval between blocks: none after a pause, growing with what a block costs, bounded both ways."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.node.pace import LEAST_S, MOST_S, STRETCH, Pace


def after(*took_s: float, rounds: int = 1) -> tuple[Pace, float]:
    """A pace after blocks that took so long each, back to back, and the time then."""
    pace, now = Pace(), 100.0
    for one in took_s:
        pace.began(now)
        now += one
        pace.committed(now, rounds)
    return pace, now


def test_the_first_block_waits_for_nothing() -> None:
    assert Pace().wait_s(5.0) == 0


def test_after_a_pause_the_next_block_begins_at_once() -> None:
    pace, now = after(*[0.2] * 50)
    assert pace.wait_s(now) > 0
    assert pace.wait_s(now + MOST_S) == 0


def test_quick_blocks_follow_closely_but_not_without_pause() -> None:
    pace, now = after(*[0.002] * 50)
    assert pace.interval_s == LEAST_S
    assert abs(pace.wait_s(now) - (LEAST_S - 0.002)) < 1e-9


def test_slow_blocks_stand_further_apart_and_come_closer_again() -> None:
    slow, _ = after(*[0.1] * 50)
    assert abs(slow.interval_s - STRETCH * 0.1) < 0.001
    recovered, _ = after(*[0.1] * 50, *[0.005] * 50)
    assert recovered.interval_s == LEAST_S


def test_a_height_of_many_rounds_says_nothing_about_load() -> None:
    pace, _ = after(*[5.0] * 50, rounds=3)
    assert pace.interval_s == LEAST_S


@given(st.lists(st.floats(min_value=0, max_value=1000), max_size=30))
def test_the_interval_stays_within_its_bounds(took: list[float]) -> None:
    pace, now = after(*took)
    assert LEAST_S <= pace.interval_s <= MOST_S
    assert 0 <= pace.wait_s(now) <= MOST_S
