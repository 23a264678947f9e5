"""Proposer priorities of a height, worked out from the genesis: nobody needs to be believed. Pure.

No header's hash covers priorities, so a snapshot with wrong ones would go unnoticed until its reader
disagrees about proposers. They follow from the genesis and the changes of the set alone; where the set stays
the same they repeat after some turns, so a million heights cost no more than one period.
"""

from collections.abc import Callable, Sequence

from ledger.machine.context import Members
from ledger.machine.validators import updates
from ledger.node.chain import following
from ledger.types.validators import ValidatorSet


def set_at(
    genesis: ValidatorSet, changes: Sequence[int], members_at: Callable[[int], Members], height: int
) -> ValidatorSet:
    """The validators that decide `height` >= 1, with their priorities.

    `changes` are the heights, ascending, from which another set decides; `members_at` tells who does.
    """
    current, at = genesis, 1
    for change in changes:
        if change > height:
            break
        current = turned(current, change - 1 - at)
        current = following(current, updates(members_at(change - 1), members_at(change)))
        at = change
    return turned(current, height - at)


def turned(validators: ValidatorSet, turns: int) -> ValidatorSet:
    """The set `turns` heights later, nobody joining or leaving."""
    path: list[ValidatorSet] = []
    seen: dict[tuple[int, ...], int] = {}
    for done in range(turns):
        place = (*(one.priority for one in validators.validators), *validators.proposer.address)
        if (first := seen.get(place)) is not None:
            return path[first + (turns - first) % (done - first)]
        seen[place] = done
        path.append(validators)
        validators = validators.advanced(1)
    return validators
