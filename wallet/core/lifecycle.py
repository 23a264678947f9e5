"""A request's life before the ledger, as one table. The states of a consent live in ledger.machine alone.

Rules
- The patient narrows, approves or refuses; the requester withdraws; only time expires.
- A decision after `expires_at` is refused, whatever the state; expiry before it is refused, too.
- granted, refused, withdrawn and expired are final: a second decision is refused, never merged.
"""

from dataclasses import dataclass
from enum import StrEnum

from wallet.core.errors import NotAllowed


class State(StrEnum):
    REQUESTED = "requested"
    NARROWED = "narrowed"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Step(StrEnum):
    NARROW = "narrow"
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


class Actor(StrEnum):
    PATIENT = "patient"
    REQUESTER = "requester"
    TIMER = "timer"


@dataclass(frozen=True)
class Transition:
    """One row: in `state`, `actor` may take `step`, which leads to `to`."""

    state: State
    step: Step
    actor: Actor
    to: State


TRANSITIONS = (
    Transition(State.REQUESTED, Step.NARROW, Actor.PATIENT, State.NARROWED),
    Transition(State.REQUESTED, Step.APPROVE, Actor.PATIENT, State.GRANTED),
    Transition(State.REQUESTED, Step.REFUSE, Actor.PATIENT, State.REFUSED),
    Transition(State.REQUESTED, Step.WITHDRAW, Actor.REQUESTER, State.WITHDRAWN),
    Transition(State.REQUESTED, Step.EXPIRE, Actor.TIMER, State.EXPIRED),
    Transition(State.NARROWED, Step.NARROW, Actor.PATIENT, State.NARROWED),
    Transition(State.NARROWED, Step.APPROVE, Actor.PATIENT, State.GRANTED),
    Transition(State.NARROWED, Step.REFUSE, Actor.PATIENT, State.REFUSED),
    Transition(State.NARROWED, Step.WITHDRAW, Actor.REQUESTER, State.WITHDRAWN),
    Transition(State.NARROWED, Step.EXPIRE, Actor.TIMER, State.EXPIRED),
)
_TABLE = {(row.state, row.step): row for row in TRANSITIONS}


def advance(state: State, step: Step, actor: Actor, *, now: int, expires_at: int) -> State:
    """The state after `step`; times in ms. Raises NotAllowed, saying what was expected."""
    row = _TABLE.get((state, step))
    if row is None:
        raise NotAllowed(f"a request that is {state} cannot {step}: reload to see its present state")
    if row.actor is not actor:
        raise NotAllowed(f"only the {row.actor} may {step} a request, not the {actor}")
    late = now >= expires_at
    if late and step is not Step.EXPIRE:
        raise NotAllowed(f"the request expired at {expires_at} and it is {now}: ask again")
    if step is Step.EXPIRE and not late:
        raise NotAllowed(f"the request lives until {expires_at} and it is {now}")
    return row.to


def is_final(state: State) -> bool:
    """Whether no step leads on from here."""
    return not any(row.state is state for row in TRANSITIONS)


def table_markdown() -> str:
    """The table as docs/keys.md shows it; a test keeps the two equal."""
    rows = [f"| {row.state} | {row.step} | {row.actor} | {row.to} |" for row in TRANSITIONS]
    return "\n".join(["| state | step | by | leads to |", "|---|---|---|---|", *rows])
