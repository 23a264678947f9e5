"""FHIR searches over claims: parameters, order, pages, and the searchset Bundle (FHIR R4 section 3.1.1).

Rules
- Only what the caller may see exists: `total` counts the visible, and the visible only.
- A parameter that is not known is refused rather than ignored, since ignoring a filter widens the answer.
- Order is by `created`, then id. A page's cursor names the last item shown, so that what arrives in between
  moves nothing: no item comes twice, none is skipped.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from interop.fhir.outcome import refuse
from interop.fhir.when import days_of

Resource = dict[str, Any]

# What can be searched, and by what: the views, the checks and the CapabilityStatement all read this table.
SEARCHES: Mapping[str, Mapping[str, str]] = {
    name: {"patient": "reference", "_id": "token", "status": "token", "service-date": "date"}
    for name in ("Claim", "ExplanationOfBenefit")
}
_CONTROL = ("_count", "_cursor", "_format")
MAX_COUNT = 500
_PREFIXES = ("eq", "ge", "gt", "le", "lt")


@dataclass(frozen=True)
class Query:
    """A checked search. `after` is the (created, id) of the last item already shown."""

    resource_type: str
    patient: str
    ids: frozenset[str]
    statuses: frozenset[str]
    dates: tuple[tuple[str, str], ...]
    count: int
    after: tuple[str, str] | None
    parameters: tuple[tuple[str, str], ...]


def query_from(resource_type: str, parameters: Iterable[tuple[str, str]]) -> Query:
    """Read a search's parameters in the order given. Raises Refused (400) naming the parameter."""
    pairs = tuple(parameters)
    known = {*SEARCHES[resource_type], *_CONTROL}
    for name, _ in pairs:
        if name not in known:
            raise refuse("not-supported", f"unknown search parameter; known: {', '.join(sorted(known))}")
    values = dict(pairs)
    if not values.get("patient"):
        raise refuse("required", "expected patient=<patient code> or patient=<system>|<member number>")
    return Query(
        resource_type=resource_type,
        patient=values["patient"].removeprefix("Patient/"),
        ids=frozenset(values.get("_id", "").split(",")) - {""},
        statuses=frozenset(values.get("status", "").split(",")) - {""},
        dates=tuple(_date(value) for name, value in pairs if name == "service-date"),
        count=_count(values.get("_count", str(MAX_COUNT))),
        after=_after(values["_cursor"]) if "_cursor" in values else None,
        parameters=tuple(pair for pair in pairs if pair[0] not in ("_cursor", "_format")),
    )


def searchset(query: Query, resources: Iterable[Resource], base_url: str) -> Resource:
    """The page of `resources` that `query` asks for, as a Bundle."""
    matching = sorted((r for r in resources if _matches(query, r)), key=_position)
    left = [r for r in matching if query.after is None or _position(r) > query.after]
    shown = left[: query.count]
    url = f"{base_url}/{query.resource_type}"
    links = [_link("self", url, query.parameters)]
    if len(left) > len(shown) and shown:
        links.append(_link("next", url, (*query.parameters, ("_cursor", _cursor(shown[-1])))))
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(matching), "link": links}
    if shown:
        bundle["entry"] = [_entry(r, base_url) for r in shown]
    return bundle


def _entry(resource: Resource, base_url: str) -> Resource:
    full_url = f"{base_url}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": full_url, "resource": resource, "search": {"mode": "match"}}


def _position(resource: Resource) -> tuple[str, str]:
    return str(resource.get("created", "")), str(resource["id"])


def _matches(query: Query, resource: Resource) -> bool:
    if resource["resourceType"] != query.resource_type:
        return False
    if query.ids and resource["id"] not in query.ids:
        return False
    if query.statuses and resource.get("status") not in query.statuses:
        return False
    days = days_of(resource)
    return all(days is not None and _within(days, prefix, day) for prefix, day in query.dates)


def _within(days: tuple[str, str], prefix: str, day: str) -> bool:
    first, last = days
    # ISO dates compare as text; a partial day covers all that begins with it.
    upper = day + "\uffff"
    return {
        "eq": day <= first and last <= upper,
        "ge": last >= day,
        "gt": last > upper,
        "le": first <= upper,
        "lt": first < day,
    }[prefix]


def _date(value: str) -> tuple[str, str]:
    prefix, day = (value[:2], value[2:]) if value[:2] in _PREFIXES else ("eq", value)
    if len(day) not in (4, 7, 10) or not day.replace("-", "").isdigit():
        raise refuse("value", "service-date: expected YYYY, YYYY-MM or YYYY-MM-DD with eq, ge, gt, le or lt")
    return prefix, day


def _count(value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise refuse("value", "_count: expected a number")
    return min(int(value[:6]), MAX_COUNT)


def _cursor(resource: Resource) -> str:
    return base64.urlsafe_b64encode("\n".join(_position(resource)).encode()).decode().rstrip("=")


def _after(cursor: str) -> tuple[str, str]:
    try:
        created, _, id_ = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("\n")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise refuse("value", "_cursor: expected the one from a next link") from None
    return created, id_


def _link(relation: str, url: str, parameters: Iterable[tuple[str, str]]) -> Resource:
    return {"relation": relation, "url": f"{url}?{urlencode(list(parameters))}"}
