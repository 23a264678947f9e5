"""Rules of proven misbehaviour: a validator that signed two different votes for one place.

- Its key loses its power for good, with effect two blocks later; it never votes again under that key.
- A key is punished once, however many pieces of evidence there are and for whatever heights.
- The last validator keeps its power: a ledger without validators could not even record the fault.
"""

import msgspec

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import ValidatorEntry, View, validator_key, write
from ledger.machine.results import Event
from ledger.machine.validators import latest_members, set_writes
from ledger.types.canonical import b64u_encode
from ledger.types.ids import address_of


def is_punished(view: View, public: bytes) -> bool:
    """Whether this key has been found at fault before."""
    entry = view.validator(public)
    return entry is not None and entry.faulty


def punish(context: Context, public: bytes) -> Outcome:
    """What a block's evidence against the validator with this 32-byte key changes."""
    if is_punished(context.view, public):
        return Outcome((), ())
    known = context.view.validator(public) or ValidatorEntry(b64u_encode(public), 0)
    entry = msgspec.structs.replace(known, power=0, faulty=True)
    event = Event("validator_punished", (("address", address_of(public).hex().upper()),))
    left = dict(latest_members(context.view, context.consortium.validators))
    removed = left.pop(public, 0)
    sets = set_writes(context.view, context.height, left) if removed and left else ()
    return Outcome((write(validator_key(public), entry), *sets), (event,))
