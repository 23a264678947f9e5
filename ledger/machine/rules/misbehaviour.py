"""Rules of proven misbehaviour: a validator that signed two different votes for one place.

- Its key loses its power for good, with effect two blocks later; it never votes again under that key.
- Who rotated its key in the meantime loses the power under the new key just the same.
- A key is punished once, however many pieces of evidence there are and for whatever heights.
- The last validator keeps its power: a ledger without validators could not even record the fault.
"""

from collections.abc import Iterator

import msgspec

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import ValidatorEntry, View, Write, validator_key, write
from ledger.machine.results import Event
from ledger.machine.validators import latest_members, set_writes
from ledger.types.canonical import b64u_decode, b64u_encode
from ledger.types.ids import address_of


def is_punished(view: View, public: bytes) -> bool:
    """Whether this key has been found at fault before."""
    entry = view.validator(public)
    return entry is not None and entry.faulty


def punish(context: Context, public: bytes) -> Outcome:
    """What a block's evidence against the validator with this 32-byte key changes."""
    if is_punished(context.view, public):
        return Outcome((), ())
    keys = tuple(_successors(context.view, public))
    marks = tuple(_mark(context.view, key) for key in keys)
    event = Event("validator_punished", (("address", address_of(public).hex().upper()),))
    members = latest_members(context.view, context.consortium.validators)
    left = {key: power for key, power in members.items() if key not in keys}
    sets = set_writes(context.view, context.height, left) if left and left != members else ()
    return Outcome((*marks, *sets), (event,))


def _successors(view: View, public: bytes) -> Iterator[bytes]:
    """The key itself and those that it was rotated to; a key that was used never comes back, so this ends."""
    yield public
    while (entry := view.validator(public)) is not None and entry.successor:
        public = b64u_decode(entry.successor, 32)
        yield public


def _mark(view: View, public: bytes) -> Write:
    known = view.validator(public) or ValidatorEntry(b64u_encode(public), 0)
    return write(validator_key(public), msgspec.structs.replace(known, power=0, faulty=True))
