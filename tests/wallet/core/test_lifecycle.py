"""A request's life: the table, who may take which step, and that time ends it."""

from itertools import product
from pathlib import Path

import pytest

from wallet.core.errors import NotAllowed
from wallet.core.lifecycle import TRANSITIONS, Actor, State, Step, advance, is_final, table_markdown

DOCS = Path(__file__).parents[3] / "docs" / "keys.md"
IN_TABLE = {(row.state, row.step, row.actor): row.to for row in TRANSITIONS}


@pytest.mark.parametrize(("state", "step", "actor"), list(product(State, Step, Actor)))
@pytest.mark.parametrize("late", [False, True])
def test_only_what_the_table_says_is_allowed(state: State, step: Step, actor: Actor, late: bool) -> None:
    to = IN_TABLE.get((state, step, actor))
    times = {"now": 100 if late else 99, "expires_at": 100}
    if to is not None and late == (step is Step.EXPIRE):
        assert advance(state, step, actor, **times) is to
    else:
        with pytest.raises(NotAllowed):
            advance(state, step, actor, **times)


def test_a_decision_is_final() -> None:
    final = {State.GRANTED, State.REFUSED, State.WITHDRAWN, State.EXPIRED}
    assert {state for state in State if is_final(state)} == final


def test_the_refusal_says_whose_step_it_is() -> None:
    with pytest.raises(NotAllowed, match="only the patient may approve"):
        advance(State.REQUESTED, Step.APPROVE, Actor.REQUESTER, now=1, expires_at=2)


def test_the_documentation_shows_this_table() -> None:
    assert table_markdown() in DOCS.read_text("utf-8")
