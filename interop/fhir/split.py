"""Resources of one patient from one source → records, each to be encrypted under its own data key.

Rules
- One record per resource type, confidentiality label (`labels`) and encounter, else day (`when`).
- Each part of a Claim or ExplanationOfBenefit (`claims`) is a record of its own, in the group
  `claim:<id>:<part>`.
- A record's content is a FHIR Bundle of type collection in the order sent. The same resources give the same
  bytes, so that a retry is recognised.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from interop.fhir.claims import CLAIM_TYPES, parts_of
from interop.fhir.json_text import encode
from interop.fhir.labels import label_of
from interop.fhir.parse import Entry
from interop.fhir.when import group_of, period_of

MEDIA_TYPE = "application/fhir+json"


@dataclass(frozen=True)
class Piece:
    """One record to be. `group` ties pieces together; period bounds are YYYY-MM-DD or "".

    `holds` names the resources inside as `Type/id`.
    """

    type: str
    label: str
    group: str
    period_start: str
    period_end: str
    content: bytes
    holds: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Placed:
    type: str
    label: str
    group: str
    resource: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.type, self.label, self.group


def split(entries: Iterable[Entry], security: Iterable[dict[str, Any]] = ()) -> tuple[Piece, ...]:
    """The records that hold these entries. Raises Refused for a label that is not known."""
    bundle_security = tuple(security)
    records: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for entry in entries:
        for placed in _place(entry, bundle_security):
            records.setdefault(placed.key, []).append(placed.resource)
    return tuple(_piece(*key, resources) for key, resources in records.items())


def _place(entry: Entry, security: tuple[dict[str, Any], ...]) -> list[_Placed]:
    resource, kind = entry.resource, entry.resource["resourceType"]
    label = label_of(resource, security, entry.place)
    if kind not in CLAIM_TYPES:
        return [_Placed(kind, label, group_of(resource), resource)]
    return [
        _Placed(kind, label, f"claim:{resource['id']}:{name}", part)
        for name, part in parts_of(resource).items()
    ]


def _piece(kind: str, label: str, group: str, resources: list[dict[str, Any]]) -> Piece:
    days = [span for resource in resources if (span := period_of(resource))]
    start = min((first for first, _ in days), default="")
    end = max((last for _, last in days), default="")
    holds = tuple(f"{kind}/{resource['id']}" for resource in resources)
    return Piece(kind, label, group, start, end, encode(collection(resources)), holds)


def collection(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """The Bundle that a record's content is."""
    entries = [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}
