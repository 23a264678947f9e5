"""What the network bears and what became of each validator, from sets and entries alone."""

import pytest

from oversight.fields import LONGEST_LIST, fields
from oversight.standing import Entry, Step, history, signed_counts, spare, tolerated


@pytest.mark.parametrize(("validators", "f"), [(0, 0), (1, 0), (3, 0), (4, 1), (6, 1), (7, 2), (10, 3)])
def test_f_of_three_f_plus_one(validators: int, f: int) -> None:
    assert tolerated(validators) == f


@pytest.mark.parametrize(
    ("answering", "total", "more"),
    [
        ([10, 10, 10, 10], 40, 1),
        ([10, 10, 10], 40, 0),
        ([10, 10], 40, 0),
        ([], 40, 0),
        ([10] * 7, 70, 2),
        ([14, 9, 9, 8], 40, 0),  # the strongest may be the one
        ([10, 10, 10], 30, 0),
    ],
)
def test_how_many_more_may_fail_whichever_they_are(answering: list[int], total: int, more: int) -> None:
    assert spare(answering, total) == more


def test_signatures_are_counted_by_block() -> None:
    assert signed_counts([("A", "B"), ("A",), ()]) == {"A": 2, "B": 1}


def test_each_change_of_the_validators_is_told_once() -> None:
    sets = [
        (1, {"A": 10, "B": 10, "C": 10}),
        (5, {"A": 10, "B": 10, "C": 10, "D": 10}),
        (9, {"A": 14, "B": 10, "D": 10, "E": 10}),
        (12, {"A": 14, "D": 10, "E": 10}),
        (20, {"A": 14, "E": 10}),
    ]
    entries = {"C": Entry(successor="E"), "B": Entry(faulty=True)}
    assert history(sets, entries) == {
        "A": [Step("power", 9, 14, 10)],
        "B": [Step("faulty", 12, before=10)],
        "C": [Step("rotated_to", 9, before=10, other="E")],
        "D": [Step("joined", 5, 10), Step("left", 20, before=10)],
        "E": [Step("rotated_from", 9, 10, other="C")],
    }
    assert history(sets[:1], {}) == {}


def test_a_fault_found_under_the_new_key_does_not_rewrite_the_rotation() -> None:
    """Both keys are marked faulty then; the old one left because it was replaced."""
    sets = [(1, {"A": 10, "B": 10}), (5, {"A": 10, "C": 10}), (9, {"A": 10})]
    entries = {"B": Entry("C", faulty=True), "C": Entry(faulty=True)}
    steps = history(sets, entries)
    assert [step.kind for step in steps["B"]] == ["rotated_to"]
    assert [step.kind for step in steps["C"]] == ["rotated_from", "faulty"]


def test_fields_are_flat_complete_and_bounded() -> None:
    body = {"type": "T", "change": {"kind": "join", "power": 10}, "handles": ["a", "b"], "approve": False}
    body |= {"empty": [], "nothing": None, "many": list(range(LONGEST_LIST + 3))}
    told = dict(fields(body))
    assert told["change.kind"] == "join"
    assert told["change.power"] == "10"
    assert (told["handles[0]"], told["handles[1]"]) == ("a", "b")
    assert (told["approve"], told["empty"], told["nothing"]) == ("false", "[]", "null")
    assert told[f"many[{LONGEST_LIST - 1}]"] == str(LONGEST_LIST - 1)
    assert told[f"many[{LONGEST_LIST}…{LONGEST_LIST + 2}]"] == "…"
