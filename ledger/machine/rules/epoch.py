"""Rules of epochs: counting who signs, and electing when an epoch is over.

- Epochs begin once the consortium has set its election up. They move on only in blocks that hold
  transactions: a block that carries a proof alone changes nothing, so an idle ledger stays silent.
- In each such block every validator of the last height is due a signature, and those in the block's last
  commit have given it. A precommit for nil is none.
- The first such block that lies `every` blocks or more after the epoch's first ends the epoch, before its own
  transactions: validators are elected (effective at H + 2), counting begins anew, the next audits are drawn.
"""

from collections.abc import Iterable, Sequence

import msgspec

from ledger.machine.context import Context, LastCommit
from ledger.machine.entries import (
    DRAW_KEY,
    EPOCH_KEY,
    DrawEntry,
    ElectionEntry,
    EpochEntry,
    Votes,
    Write,
    write,
)
from ledger.machine.rules.election import elect, standing
from ledger.machine.validators import entry_writes, latest_members, set_writes
from ledger.types.canonical import b64u_encode
from ledger.types.ids import address_of


def open_block(context: Context, last_commit: LastCommit, app_hash: bytes) -> tuple[Write, ...]:
    """What a block that holds transactions changes before them. `app_hash` is that before the block."""
    rules = context.view.election()
    if rules is None:
        return ()
    epoch = context.view.epoch()
    if epoch is None:
        return _begin(context, 1, app_hash)
    counted = msgspec.structs.replace(epoch, votes=tally(epoch.votes, last_commit))
    if context.height < epoch.first + rules.every:
        return (write(EPOCH_KEY, counted),)
    return (*_election(context, counted, rules), *_begin(context, epoch.number + 1, app_hash))


def tally(votes: dict[str, Votes], last_commit: Iterable[tuple[bytes, bool]]) -> dict[str, Votes]:
    """The counts with one commit more."""
    counted = dict(votes)
    for public, signed in last_commit:
        address = address_of(public).hex().upper()
        before = counted.get(address, Votes(0, 0))
        counted[address] = Votes(before.due + 1, before.signed + signed)
    return counted


def _election(context: Context, epoch: EpochEntry, rules: ElectionEntry) -> Sequence[Write]:
    members = latest_members(context.view, context.consortium.validators)
    elected = elect(standing(context, epoch, rules), rules.seats)
    if not elected or elected == members:
        return ()
    entries = entry_writes(context.view, members, elected)
    return (*entries, *set_writes(context.view, context.height, elected))


def _begin(context: Context, number: int, app_hash: bytes) -> tuple[Write, ...]:
    draw = DrawEntry(number, b64u_encode(app_hash), tuple(sorted(context.consortium.auditors)))
    return write(EPOCH_KEY, EpochEntry(number, context.height, {})), write(DRAW_KEY, draw)
