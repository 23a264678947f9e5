"""The validators as the state knows them: who decides which height.

Rules
- The genesis' validators decide until the state says otherwise: `validators` lists the heights from which
  another set decides, `validators/<height>` holds that set.
- A change in block H is effective at H + 2, as in CometBFT: the header of H + 1 announces it.
- Several changes in one block add up to one set.
"""

from bisect import bisect_right
from collections.abc import Mapping

from ledger.machine.context import Members
from ledger.machine.entries import (
    VALIDATORS_KEY,
    Member,
    ValidatorChangesEntry,
    ValidatorSetEntry,
    View,
    Write,
    validator_set_key,
    write,
)
from ledger.types.canonical import b64u_decode, b64u_encode
from ledger.types.ids import address_of

EFFECT_AFTER = 2


def members_at(view: View, genesis: Members, height: int) -> Members:
    """The validators that decide `height`; exact for heights up to two beyond the state's."""
    changes = view.validator_changes()
    at = bisect_right(changes, height)
    entry = view.validator_set(changes[at - 1]) if at else None
    return genesis if entry is None else _members(entry)


def latest_members(view: View, genesis: Members) -> Members:
    """The validators as the last change made them, also when it is not effective yet."""
    changes = view.validator_changes()
    return members_at(view, genesis, changes[-1]) if changes else genesis


def set_writes(view: View, height: int, members: Members) -> tuple[Write, ...]:
    """What makes `members` the validators, decided in block `height`."""
    effective = height + EFFECT_AFTER
    heights = tuple(sorted({*view.validator_changes(), effective}))
    ordered = sorted(members.items(), key=lambda item: (-item[1], address_of(item[0])))
    entry = ValidatorSetEntry(tuple(Member(b64u_encode(public), power) for public, power in ordered))
    return (
        write(VALIDATORS_KEY, ValidatorChangesEntry(heights)),
        write(validator_set_key(effective), entry),
    )


def updates(before: Members, after: Members) -> tuple[tuple[bytes, int], ...]:
    """CometBFT's validator updates that lead from one set to the other, by key; power 0 removes."""
    wanted: Mapping[bytes, int] = {**dict.fromkeys(before, 0), **after}
    return tuple(sorted((key, power) for key, power in wanted.items() if before.get(key) != power))


def _members(entry: ValidatorSetEntry) -> Members:
    return {b64u_decode(member.public, 32): member.power for member in entry.members}
