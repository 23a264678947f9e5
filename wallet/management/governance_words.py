"""What `manage.py governance` says: proposals, powers and times in words."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ledger.api import Change, Governance, Preview, Proposal, Seat, b64u_encode

_LOCALTIME = Path("/etc/localtime")


def zone_of(name: str | None) -> tzinfo:
    """The zone called `name`; None: this machine's, or UTC where it has none. Raises ValueError."""
    try:
        if name:
            return ZoneInfo(name)
        _, found, own = str(_LOCALTIME.resolve()).partition("zoneinfo/")
        return ZoneInfo(own) if found else UTC
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no time zone is called {name!r}; try Asia/Shanghai or Europe/Berlin") from error


def moment(ms: int, zone: tzinfo) -> str:
    """`2026-03-01 14:05 CST (UTC+08:00)`."""
    at = datetime.fromtimestamp(ms / 1000, zone)
    name = "UTC" if at.tzname() == "UTC" else f"{at:%Z} (UTC{at.isoformat()[-6:]})"
    return f"{at:%Y-%m-%d %H:%M} {name}"


def remaining(ms: int) -> str:
    """How long that is, in its largest two units."""
    minutes = max(0, ms // 60_000)
    days, hours = minutes // 1440, minutes % 1440 // 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def change_words(change: Change, seats: tuple[Seat, ...]) -> str:
    """The change in one line: its kind and its fields, validators by name where they have one."""
    fields = msgspec.to_builtins(change)
    kind = fields.pop("kind")
    fields.pop("certificate", None)
    for name in ("public", "replaces"):
        if name in fields:
            fields[name] = _named(fields[name], seats)
    return f"{kind} " + ", ".join(f"{name} {value}" for name, value in fields.items())


def _named(public: str, seats: tuple[Seat, ...]) -> str:
    return next(
        (seat.moniker for seat in seats if b64u_encode(seat.public) == public and seat.moniker), public
    )


def proposal_line(proposal: Proposal, seats: tuple[Seat, ...], now_ms: int, zone: tzinfo) -> str:
    """One line of the list."""
    entry = proposal.entry
    votes = f"{len(entry.approvals)} yes, {len(entry.rejections)} no"
    state = (
        f"open, {remaining(entry.closes - now_ms)} left"
        if proposal.is_open(now_ms)
        else state_words(proposal)
    )
    closes = moment(entry.closes, zone)
    return f"{proposal.id}  {state}  {votes}  closes {closes}  {change_words(entry.change, seats)}"


def state_words(proposal: Proposal) -> str:
    """The state of a proposal that takes no votes any more."""
    words = {"open": "lapsed", "accepted": "accepted", "void": "void (agreed on, but it no longer fitted)"}
    return words[proposal.entry.state]


def proposal_page(proposal: Proposal, governance: Governance, now_ms: int, zone: tzinfo) -> Iterator[str]:
    """Everything about one proposal, line by line."""
    entry, electors = proposal.entry, governance.electors()
    seats = governance.seats()
    yield f"proposal   {proposal.id}"
    yield f"change     {change_words(entry.change, seats)}"
    yield f"by         {governance.name_of(entry.author)}, in block {entry.height}"
    if proposal.is_open(now_ms):
        yield f"votes      until {moment(entry.closes, zone)}, {remaining(entry.closes - now_ms)} left"
        yield f"needed     {2 * len(electors) // 3 + 1} of {len(electors)} who may vote"
    else:
        yield f"votes      {state_words(proposal)}; until {moment(entry.closes, zone)}"
    yield f"yes        {_names(entry.approvals, governance)}"
    yield f"no         {_names(entry.rejections, governance)}"
    silent = [did for did in electors if did not in {*entry.approvals, *entry.rejections}]
    if proposal.is_open(now_ms):
        yield f"not yet    {_names(tuple(silent), governance)}"


def _names(dids: tuple[str, ...], governance: Governance) -> str:
    return ", ".join(governance.name_of(did) for did in dids) or "nobody"


def preview_lines(preview: Preview) -> Iterator[str]:
    """Power before and after, and whether anybody gets a third or more."""
    before = {seat.public: seat.power for seat in preview.before}
    after = {seat.public: seat.power for seat in preview.after}
    totals = sum(before.values()), sum(after.values())
    yield f"  {'validator':<24} {'before':>18} {'after':>18}"
    names = {seat.public: seat.moniker or seat.address[:12] for seat in (*preview.before, *preview.after)}
    for key, name in names.items():
        cells = [
            _share(powers.get(key), total) for powers, total in zip((before, after), totals, strict=True)
        ]
        changed = " *" if before.get(key) != after.get(key) else ""
        yield f"  {name:<24} {cells[0]:>18} {cells[1]:>18}{changed}"
    yield f"  {'total':<24} {totals[0]:>18} {totals[1]:>18}"
    yield f"  {_cap(preview.after, totals[1])}"


def _share(power: int | None, total: int) -> str:
    return "-" if power is None else f"{power} ({100 * power / total:.1f} %)"


def _cap(seats: tuple[Seat, ...], total: int) -> str:
    largest = max(seats, key=lambda seat: seat.power)
    name, share = largest.moniker or largest.address[:12], 100 * largest.power / total
    if 3 * largest.power < total:
        return f"Nobody has a third or more: the largest is {name} with {share:.1f} %."
    why = (
        "fewer than four validators cannot do otherwise"
        if len(seats) < 4
        else "the rule caps only the one changed"
    )
    return f"{name} has {share:.1f} %, a third or more ({why}): the ledger stops without it."
