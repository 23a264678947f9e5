"""A Claim's or ExplanationOfBenefit's groups of fields: parts that are keyed, and so shared, one by one.

Rules
- Every element belongs to exactly one part; one that is not listed belongs to `administrative`.
- What changes the meaning of the rest (`modifierExtension`, `implicitRules`) is in every part.
- A contained resource goes with each part that refers to it, directly or through another contained one.
- A part is a valid-looking resource of its own: type, id, security labels, the tag SUBSETTED and two
  codings that name it and all the parts there are. `administrative` always exists and keeps the whole meta.
- Joining all parts gives the resource back as it was, but for the order of `contained`, which has no
  meaning; joining some gives it tagged SUBSETTED.
"""

from collections.abc import Mapping
from typing import Any

from interop.fhir.references import references_in

Resource = dict[str, Any]

CLAIM_TYPES = ("Claim", "ExplanationOfBenefit")
ADMINISTRATIVE = "administrative"
PART = "https://salus.example/fhir/CodeSystem/claim-part"
PARTS = "https://salus.example/fhir/CodeSystem/claim-parts"
_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
_FIELDS = {
    "diagnosis": ["diagnosis", "procedure", "accident"],
    "items": ["item", "addItem", "processNote"],
    "payment": ["payment", "payee", "total", "adjudication", "benefitBalance", "benefitPeriod"],
    "supporting": ["careTeam", "supportingInfo", "prescription", "originalPrescription", "referral"],
    "narrative": ["text"],
}
_PART_OF = {field: part for part, fields in _FIELDS.items() for field in fields}
_IN_EVERY_PART = ("modifierExtension", "implicitRules")
_FRAME = ("resourceType", "id", "meta", "contained", *_IN_EVERY_PART)


def subsetted(resource: Resource) -> Resource:
    """`resource` with the tag that says it is not whole."""
    meta = resource.get("meta", {})
    return {**resource, "meta": {**meta, "tag": [*meta.get("tag", []), _SUBSETTED]}}


def parts_of(resource: Resource) -> dict[str, Resource]:
    """The parts of a claim by name, `administrative` first."""
    fields: dict[str, Resource] = {ADMINISTRATIVE: {}}
    for name, value in resource.items():
        if name.lstrip("_") not in _FRAME:
            fields.setdefault(_PART_OF.get(name.lstrip("_"), ADMINISTRATIVE), {})[name] = value
    contained = _shared_out(resource, fields)
    return {name: _part(resource, name, own, list(fields), contained[name]) for name, own in fields.items()}


def part_name(resource: Resource) -> str | None:
    """Which part of a claim this is; None for a resource that is not a part."""
    return _coding(resource, PART)


def joined(parts: Mapping[str, Resource]) -> Resource:
    """The resource that these parts (the latest of each name) make up, SUBSETTED when some are missing."""
    names = (_coding(parts.get(ADMINISTRATIVE) or list(parts.values())[-1], PARTS) or "").split(" ")
    present = [parts[name] for name in names if name in parts]
    contained: dict[str, Resource] = {}
    result: Resource = {}
    for part in present:
        contained |= {inner["id"]: inner for inner in part.get("contained", [])}
        result |= {name: value for name, value in part.items() if name not in ("meta", "contained")}
    meta = _original_meta(present[0])
    result |= {"meta": meta} if meta else {}
    result |= {"contained": list(contained.values())} if contained else {}
    return result if len(present) == len(names) else subsetted(result)


def _part(
    resource: Resource, name: str, own: Resource, names: list[str], contained: list[Resource]
) -> Resource:
    meta = resource.get("meta", {})
    if name != ADMINISTRATIVE:
        meta = {"security": meta["security"]} if "security" in meta else {}
    tags = [{"system": PART, "code": name}, {"system": PARTS, "code": " ".join(names)}, _SUBSETTED]
    frame = {key: value for key, value in resource.items() if key.lstrip("_") in ("resourceType", "id")}
    frame["meta"] = {**meta, "tag": [*meta.get("tag", []), *tags]}
    frame |= {key: value for key, value in resource.items() if key.lstrip("_") in _IN_EVERY_PART}
    return frame | ({"contained": contained} if contained else {}) | own


def _original_meta(part: Resource) -> Resource:
    meta = dict(part["meta"])
    tags = meta.pop("tag")[:-3]  # the three that `_part` added
    return meta | ({"tag": tags} if tags else {})


def _shared_out(resource: Resource, fields: dict[str, Resource]) -> dict[str, list[Resource]]:
    inner = {contained["id"]: contained for contained in resource.get("contained", [])}
    wanted = {name: _reached(own, inner) for name, own in fields.items()}
    # One that refers to its container only is reached from no field; it must not get lost.
    wanted[ADMINISTRATIVE] |= set(inner) - set().union(*wanted.values())
    return {name: [inner[id_] for id_ in inner if id_ in ids] for name, ids in wanted.items()}


def _reached(value: Any, inner: dict[str, Resource]) -> set[str]:
    found: set[str] = set()
    waiting = [value]
    while waiting:
        for reference in references_in(waiting.pop(), ""):
            target = reference.target.removeprefix("#")
            if reference.target.startswith("#") and target in inner and target not in found:
                found.add(target)
                waiting.append(inner[target])
    return found


def _coding(resource: Resource, system: str) -> str | None:
    tags = resource.get("meta", {}).get("tag", [])
    return next((str(tag["code"]) for tag in tags if tag.get("system") == system), None)
