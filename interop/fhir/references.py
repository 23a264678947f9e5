"""Where FHIR references point, and the ids that resources get here.

Rules
- A resource's id is a UUID that is the same however often its bytes arrive: an id that already is a
  UUID (or whose fullUrl is `urn:uuid:`) stays; any other becomes UUID version 5 of the source and
  `Type/id`; a resource without either gets UUID version 5 of the source and its own bytes. So two
  sources never collide and a retry makes nothing new.
- `urn:uuid:` and absolute references to an entry of the same submission become `Type/id`; relative
  ones get the id that their target has or will have; other absolute ones stay.
- A conditional reference by identifier (`Practitioner?identifier=s|v`) becomes the logical reference
  that it is (FHIR R4 section 2.3.0.3). R4 allows it in a transaction only; published exports leave it
  elsewhere, and nothing is lost by taking it. Any other condition is refused.
- Everything else, and a `urn:uuid:` that nothing in the submission answers to, is refused.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from interop.fhir.json_text import Json, encode
from interop.fhir.outcome import Issue

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_RELATIVE = re.compile(r"([A-Z][A-Za-z]{2,63})/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?")
_ABSOLUTE = re.compile(r"https?://[^\s?#]+")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]{2,63})\?(.+)")
_NAMESPACE = uuid.UUID("5a1b5000-0000-5000-8000-000000000001")


@dataclass(frozen=True)
class Reference:
    """A Reference element and its place; `element` is the JSON object itself."""

    place: str
    element: dict[str, Json]

    @property
    def target(self) -> str:
        return str(self.element["reference"])


def references_in(value: Json, place: str) -> Iterator[Reference]:
    """Every Reference with a literal `reference` inside `value`."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield Reference(place, value)
        for key, child in value.items():
            yield from references_in(child, f"{place}.{key}")
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from references_in(child, f"{place}[{i}]")


def stable_id(source: str, resource_type: str, local_id: str) -> str:
    """The id here of the resource that `source` (its DID) knows as `resource_type/local_id`."""
    if _UUID.fullmatch(local_id):
        return local_id.lower()
    return _uuid5(source, f"{resource_type}/{local_id}")


def resource_id(source: str, full_url: str, resource: Mapping[str, Json]) -> str:
    """The id here of a submitted resource."""
    if full_url.startswith("urn:uuid:"):
        return full_url.removeprefix("urn:uuid:").lower()
    if "id" in resource:
        return stable_id(source, resource["resourceType"], resource["id"])
    return _uuid5(source, f"{resource['resourceType']} {full_url}".encode() + encode(resource))


def problem(reference: Reference, known: Mapping[str, str]) -> Issue | None:
    """Why `reference` cannot be taken, or None. `known` maps each fullUrl to its `Type/id`."""
    target, place = reference.target, f"{reference.place}.reference"
    if (
        target.startswith("#")
        or target in known
        or _RELATIVE.fullmatch(target)
        or _ABSOLUTE.fullmatch(target)
    ):
        return None
    if target.startswith("urn:uuid:"):
        return Issue("not-found", "no entry of this Bundle has this urn:uuid as its fullUrl", place)
    if target.startswith("urn:oid:"):
        return Issue("not-found", "no entry of this Bundle has this urn:oid as its fullUrl", place)
    if _CONDITIONAL.fullmatch(target):
        if _logical(target) is None:
            return Issue("not-supported", "expected Type?identifier=system|value", place)
        return None
    return Issue("value", "expected Type/id, an absolute URL, urn:uuid:… or #id", place)


def resolve(value: Json, source: str, known: Mapping[str, str]) -> Json:
    """`value` with every checked reference rewritten to what it is called here; the input is not touched."""
    if isinstance(value, list):
        return [resolve(child, source, known) for child in value]
    if not isinstance(value, dict):
        return value
    changed = {key: resolve(child, source, known) for key, child in value.items()}
    if isinstance(value.get("url"), str) and value["url"] in known:
        changed["url"] = known[value["url"]]
    if isinstance(value.get("reference"), str):
        return _rewritten(changed, source, known)
    return changed


def _rewritten(element: dict[str, Json], source: str, known: Mapping[str, str]) -> dict[str, Json]:
    target = element["reference"]
    if target in known:
        return {**element, "reference": known[target]}
    if found := _RELATIVE.fullmatch(target):
        kind, local, version = found.groups()
        return {**element, "reference": f"{kind}/{stable_id(source, kind, local)}{version or ''}"}
    if logical := _logical(target):
        rest = {key: child for key, child in element.items() if key != "reference"}
        return {**logical, **rest}
    return element


def _logical(target: str) -> dict[str, Json] | None:
    found = _CONDITIONAL.fullmatch(target)
    query = parse_qsl(found[2]) if found else []
    if found is None or len(query) != 1 or query[0][0] != "identifier":
        return None
    system, bar, identifier = query[0][1].rpartition("|")
    if not (bar and system and identifier):
        return None
    return {"type": found[1], "identifier": {"system": system, "value": identifier}}


def _uuid5(source: str, name: str | bytes) -> str:
    name = name if isinstance(name, bytes) else name.encode()
    return str(uuid.uuid5(uuid.uuid5(_NAMESPACE, source), name.hex()))
