"""Rules of proven misbehaviour: a validator that signed two different votes for one place.

- Its key loses its power for good, with effect two blocks later; it never votes again under that key.
- Who rotated its key in the meantime loses the power under the new key just the same.
- A key is punished once, however many pieces of evidence there are and for whatever heights.
- The last validator keeps its power, unless somebody takes its place: a ledger without validators could not
  even record the fault.
- Where validators are elected and fewer than four are left, the best live candidate of another organisation
  gets the power that the faulty one had, at once. With four or more left, nobody has a third afterwards.
"""

from collections.abc import Iterator

from ledger.machine.context import Context, Members, Outcome
from ledger.machine.entries import CANDIDATES_KEY, CandidatesEntry, View, Write, write
from ledger.machine.results import Event
from ledger.machine.rules.election import best_waiting, organisation_of
from ledger.machine.validators import (
    LEAST_FOR_A_FAULT,
    altered,
    capped,
    entry_writes,
    latest_members,
    set_writes,
)
from ledger.types.canonical import b64u_decode
from ledger.types.ids import address_of


def is_punished(view: View, public: bytes) -> bool:
    """Whether this key has been found at fault before."""
    entry = view.validator(public)
    return entry is not None and entry.faulty


def punish(context: Context, public: bytes) -> Outcome:
    """What a block's evidence against the validator with this 32-byte key changes."""
    view = context.view
    if is_punished(view, public):
        return Outcome((), ())
    keys = tuple(_successors(view, public))
    marks = tuple(altered(view, key, power=0, faulty=True) for key in keys)
    event = Event("validator_punished", (("address", address_of(public).hex().upper()),))
    members = latest_members(view, context.consortium.validators)
    left = {key: power for key, power in members.items() if key not in keys}
    writes = _withdrawn(view, keys)
    filled = _filled(context, members, left, keys)
    if filled and filled != members:
        writes += (*entry_writes(view, left, filled), *set_writes(view, context.height, filled))
    return Outcome((*marks, *writes), (event,))


def _filled(context: Context, members: Members, left: Members, faulty: tuple[bytes, ...]) -> Members:
    """Those that are left, and who takes the place."""
    if left == members or context.view.election() is None:
        return left
    if len(left) >= LEAST_FOR_A_FAULT:
        return capped(left)
    taken = {organisation_of(context.view, key) for key in (*members, *faulty)}
    promoted = best_waiting(context, taken)
    lost = sum(members.values()) - sum(left.values())
    return left if promoted is None else capped({**left, promoted: lost})


def _withdrawn(view: View, faulty: tuple[bytes, ...]) -> tuple[Write, ...]:
    """Who is at fault stands for election no more."""
    standing = view.candidates()
    kept = tuple(key for key in standing if b64u_decode(key, 32) not in faulty)
    return (write(CANDIDATES_KEY, CandidatesEntry(kept)),) if kept != standing else ()


def _successors(view: View, public: bytes) -> Iterator[bytes]:
    """The key itself and those that it was rotated to; a key that was used never comes back, so this ends."""
    yield public
    while (entry := view.validator(public)) is not None and entry.successor:
        public = b64u_decode(entry.successor, 32)
        yield public
