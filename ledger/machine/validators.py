"""The validators as the state knows them: who decides which height.

Rules
- The genesis' validators decide until the state says otherwise: `validators` lists the heights from which
  another set decides, `validators/<height>` holds that set.
- A change in block H is effective at H + 2, as in CometBFT: the header of H + 1 announces it.
- Several changes in one block add up to one set.
- f, the validators that may fail in any way, is how many of the strongest together have less than a third.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping

import msgspec

from ledger.machine.context import Members
from ledger.machine.entries import (
    VALIDATORS_KEY,
    Member,
    ValidatorChangesEntry,
    ValidatorEntry,
    ValidatorSetEntry,
    View,
    Write,
    validator_key,
    validator_set_key,
    write,
)
from ledger.types.canonical import b64u_decode, b64u_encode
from ledger.types.ids import address_of

EFFECT_AFTER = 2
LEAST_FOR_A_FAULT = 4
"""3f + 1 validators for f = 1. From so many up, nobody has a third of the power or more."""


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


def altered(view: View, public: bytes, **fields: int | str | bool) -> Write:
    """The validator's entry with these fields, made when there was none."""
    known = view.validator(public) or ValidatorEntry(b64u_encode(public), 0)
    return write(validator_key(public), msgspec.structs.replace(known, **fields))


def entry_writes(view: View, before: Members, after: Members) -> tuple[Write, ...]:
    """The entries of those whose power differs between two sets."""
    return tuple(altered(view, public, power=power) for public, power in updates(before, after))


def highest_below_a_third(powers: Iterable[int]) -> int:
    """The highest power that may stand so that, whoever has more being cut to it, nobody has a third.

    With fewer than four there is no such power, and the highest of all stands. Powers are 1 or more.
    """
    first, second, third, *others = (*sorted(powers, reverse=True), 0, 0)
    rest = sum(others)
    if rest < 1 or 3 * first < first + second + third + rest:
        return first
    one_cut = (second + third + rest - 1) // 2
    return one_cut if one_cut >= second else third + rest - 1


def capped(members: Members) -> Members:
    """The validators with the powers of the strongest cut until nobody has a third."""
    most = highest_below_a_third(members.values())
    return {public: min(power, most) for public, power in members.items()}


def tolerated_faults(members: Members) -> int:
    """f: how many of the strongest may fail or lie together, having less than a third of the power."""
    total, power = sum(members.values()), 0
    for faults, strongest in enumerate(sorted(members.values(), reverse=True)):
        power += strongest
        if 3 * power >= total:
            return faults
    return 0


def _members(entry: ValidatorSetEntry) -> Members:
    return {b64u_decode(member.public, 32): member.power for member in entry.members}
