"""Narrowing: what a patient may take away from a request, and the check that nothing was added.

Rules
- Types: a subset, never empty. Records: any of those offered that fit types, days and ceiling.
- Days: inside the days asked. Time: no longer than asked. Mode: "store" may become "view", never back.
- Requester, organisation, credential, purpose and ledger stay exactly what was asked.
- A limit that the request does not know (number of opens, confidentiality ceiling) is the patient's own.
- Wider in any one respect is refused whole; nothing is silently cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wallet.core._ledger import b64u_encode
from wallet.core.consent import Artefact, Ceiling
from wallet.core.errors import NothingLeft, Wider
from wallet.core.request import DateRange, Mode, Request, credential_hash, request_hash

RANK = {"N": 0, "R": 1, "V": 2}
"""HL7 v3 Confidentiality, from ordinary to very restricted; any other label counts as the highest."""

_FIRST, _LAST = "0000-00-00", "9999-99-99"


@dataclass(frozen=True)
class Scope:
    """How much is shared: record types, days, how long (seconds), and whether copies may be kept."""

    types: tuple[str, ...]
    dates: DateRange
    duration_s: int
    mode: Mode


@dataclass(frozen=True)
class RecordFacts:
    """What is known of a record without opening it: days `YYYY-MM-DD` or "", `label` N, R or V."""

    record: str
    type: str
    label: str
    start: str = ""
    end: str = ""


def scope_of(request: Request) -> Scope:
    """What a request asks for."""
    return Scope(request.types, request.dates, request.duration_s, request.mode)


def narrow(asked: Scope, chosen: Scope) -> Scope:
    """What is in both: always within `asked`. Raises NothingLeft when types, days or time become empty."""
    types = tuple(name for name in asked.types if name in chosen.types)
    dates = DateRange(
        start=max(asked.dates.start or _FIRST, chosen.dates.start or _FIRST),
        end=min(asked.dates.end or _LAST, chosen.dates.end or _LAST),
    )
    duration = min(asked.duration_s, chosen.duration_s)
    _refuse_empty(types, dates, duration)
    days = DateRange(_open(dates.start, _FIRST), _open(dates.end, _LAST))
    both_store = asked.mode == chosen.mode == "store"
    return Scope(types, days, duration, "store" if both_store else "view")


def first_wider(given: Scope, asked: Scope) -> str | None:
    """The first field in which `given` goes beyond `asked`; None when it is within."""
    for field, within in (
        ("types", set(given.types) <= set(asked.types)),
        ("dates.from", (given.dates.start or _FIRST) >= (asked.dates.start or _FIRST)),
        ("dates.to", (given.dates.end or _LAST) <= (asked.dates.end or _LAST)),
        ("duration_s", given.duration_s <= asked.duration_s),
        ("mode", given.mode == "view" or asked.mode == "store"),
    ):
        if not within:
            return field
    return None


def check_narrowing(request: Request, artefact: Artefact) -> None:
    """Raises Wider unless `artefact` answers `request` and gives no more than it asks."""
    _check_same(request, artefact)
    length_s = -(-(artefact.valid_until - artefact.valid_from) // 1000)
    given = Scope(artefact.types, artefact.dates, length_s, artefact.mode)
    asked = scope_of(request)
    field = first_wider(given, asked)
    if field is not None:
        raise Wider(field, _part(asked, field), _part(given, field))
    if artefact.valid_from < request.created_at:
        raise Wider("valid_from", request.created_at, artefact.valid_from)


def check_records(artefact: Artefact, offered: Sequence[RecordFacts]) -> None:
    """Raises Wider unless each of the artefact's records is among `offered` and fits the artefact."""
    known = {facts.record: facts for facts in offered}
    for record in artefact.records:
        facts = known.get(record)
        if facts is None or not fits(facts, artefact.types, artefact.dates, artefact.confidentiality):
            raise Wider("records", "records that fit types, dates and ceiling", record)


def fits(record: RecordFacts, types: Sequence[str], dates: DateRange, ceiling: Ceiling) -> bool:
    """Whether a record is of these types, wholly within these days and not above this ceiling."""
    return record.type in types and within_days(record, dates) and within_ceiling(record.label, ceiling)


def within_days(record: RecordFacts, dates: DateRange) -> bool:
    """Whether the record's days lie wholly within `dates`. A record without a day does (the text says so)."""
    if not (record.start or record.end):
        return True
    first = min(record.start, record.end or record.start) or _FIRST
    last = max(record.start, record.end)
    return (dates.start or _FIRST) <= first and last <= (dates.end or _LAST)


def within_ceiling(label: str, ceiling: Ceiling) -> bool:
    """Whether a confidentiality label is at most the ceiling; an unknown label only under "V"."""
    return RANK.get(label, RANK["V"]) <= RANK[ceiling]


def _check_same(request: Request, artefact: Artefact) -> None:
    asker, grantee = request.requester, artefact.requester
    for field, asked, given in (
        ("request", b64u_encode(request_hash(request)), artefact.request),
        ("ledger", request.ledger, artefact.ledger),
        ("purpose", request.purpose, artefact.purpose),
        ("requester.did", asker.did, grantee.did),
        ("requester.organisation", asker.organisation, grantee.organisation),
        ("requester.credential", credential_hash(asker.credential), grantee.credential),
        ("requester.name", asker.name, grantee.name),
        ("requester.role", asker.role, grantee.role),
    ):
        if asked != given:
            raise Wider(field, "the same", "another")


def _refuse_empty(types: tuple[str, ...], dates: DateRange, duration: int) -> None:
    for field, left in (
        ("types", bool(types)),
        ("dates", (dates.start or "") <= (dates.end or "")),
        ("duration_s", duration > 0),
    ):
        if not left:
            raise NothingLeft(field)


def _part(scope: Scope, field: str) -> object:
    head, _, tail = field.partition(".")
    part = getattr(scope, head)
    return getattr(part, {"from": "start", "to": "end"}[tail]) if tail else part


def _open(day: str | None, bound: str) -> str | None:
    return None if day == bound else day
