"""Checks on a resource that the FHIR models do not make.

Rules
- No empty object, array or string; null only inside an array beside its `_name` sibling
  (FHIR R4 section 2.6.2).
- Narrative is one XHTML `div` of the listed elements: no DOCTYPE, entity, script, form, frame, object,
  event attribute or script URL (section 2.4.0).
- Contained resources have an id, contain nothing, carry no version or security label, and are
  referred to; every `#id` has its target (dom-2, dom-3, dom-4, dom-5; ref-1).
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from interop.fhir.json_text import Json, walk
from interop.fhir.outcome import Issue
from interop.fhir.references import references_in

_XHTML = "{http://www.w3.org/1999/xhtml}"
_ELEMENTS = frozenset(
    "a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd del dfn "  # noqa: SIM905
    "div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li map ol p pre q s samp small span strike strong sub "
    "sup table tbody td tfoot th thead tr tt u ul var".split()
)
_SCRIPT_URL = re.compile(r"[\s\x00-\x1f]*(javascript|vbscript|data\s*:\s*text)", re.IGNORECASE)


def own_issues(resource: dict[str, Json], place: str) -> list[Issue]:
    """Everything these rules find in `resource`, whose FHIRPath is `place`."""
    return [*_empty(resource, place), *_narratives(resource, place), *_contained(resource, place)]


def _empty(resource: Json, place: str) -> Iterator[Issue]:
    for here, value in walk(resource, place):
        if value in ({}, [], "") and value is not False and value != 0:
            yield Issue("structure", "an element must not be empty: leave it out", here)
        if isinstance(value, dict):
            yield from (issue for key in value for issue in _nulls(value, key, here))


def _nulls(element: dict[str, Json], key: str, place: str) -> Iterator[Issue]:
    value = element[key]
    sibling = element.get(key[1:] if key.startswith("_") else f"_{key}")
    if value is None:
        yield Issue("structure", "null is not a value: leave the element out", f"{place}.{key}")
    for i, item in enumerate(value if isinstance(value, list) else []):
        held = sibling[i] if isinstance(sibling, list) and i < len(sibling) else None
        if item is None and held is None:
            yield Issue("structure", "null without its counterpart", f"{place}.{key}[{i}]")


def _narratives(resource: Json, place: str) -> Iterator[Issue]:
    for here, value in walk(resource, place):
        if here.endswith(".text") and isinstance(value, dict) and isinstance(value.get("div"), str):
            fault = narrative_fault(value["div"])
            if fault:
                yield Issue("invalid", f"narrative: {fault}", f"{here}.div")


def narrative_fault(div: str) -> str:
    """What is wrong with a narrative's XHTML; empty when nothing is."""
    if "<!" in div.replace("<!--", "") or "<?" in div:
        return "a DOCTYPE, entity declaration, CDATA section or processing instruction is refused"
    try:
        # No DOCTYPE gets here, so expat has no entity to expand and nothing to fetch.
        root = ElementTree.fromstring(div)  # noqa: S314
    except ElementTree.ParseError as error:
        return f"not well-formed XHTML at line {error.position[0]}, column {error.position[1]}"
    if root.tag != f"{_XHTML}div":
        return "expected one div in the namespace http://www.w3.org/1999/xhtml"
    return next((fault for element in root.iter() if (fault := _element_fault(element))), "")


def _element_fault(element: ElementTree.Element) -> str:
    name = str(element.tag).removeprefix(_XHTML)
    if name not in _ELEMENTS:
        return "an element outside FHIR's list (such as script, form, object or iframe) is refused"
    for attribute, value in element.attrib.items():
        if attribute.lower().startswith("on"):
            return "an event attribute is refused"
        if attribute in ("href", "src") and _SCRIPT_URL.match(value):
            return "a script URL is refused"
    return ""


def _contained(resource: dict[str, Json], place: str) -> Iterator[Issue]:
    contained = resource.get("contained", [])
    ids = [inner.get("id") for inner in contained]
    targets = {reference.target for reference in references_in(resource, place)}
    for i, inner in enumerate(contained):
        yield from _contained_one(inner, f"{place}.contained[{i}]", ids.count(ids[i]) > 1, targets)
    for reference in references_in(resource, place):
        if reference.target.startswith("#") and reference.target != "#" and reference.target[1:] not in ids:
            yield Issue("not-found", "no contained resource has this id", f"{reference.place}.reference")


def _contained_one(inner: dict[str, Json], place: str, repeated: bool, targets: set[str]) -> Iterator[Issue]:
    if "id" not in inner:
        yield Issue("required", "a contained resource needs an id", f"{place}.id")
    elif repeated:
        yield Issue("duplicate", "another contained resource has this id", f"{place}.id")
    elif f"#{inner['id']}" not in targets and not any(t.target == "#" for t in references_in(inner, place)):
        yield Issue("invariant", "nothing refers to this contained resource (dom-3)", place)
    if "contained" in inner:
        yield Issue("invariant", "a contained resource contains nothing (dom-2)", f"{place}.contained")
    for name, rule in (("versionId", "dom-4"), ("lastUpdated", "dom-4"), ("security", "dom-5")):
        if name in inner.get("meta", {}):
            yield Issue("invariant", f"not allowed in a contained resource ({rule})", f"{place}.meta.{name}")
