"""Does a resource have the shape that FHIR R4 gives it?

`fhir.resources` (R4B models) finds unknown elements, wrong cardinality and malformed primitives. It
coerces where FHIR does not (`"1.00"` for a decimal, `1` for a boolean) and does not enforce codes, so
JSON types are checked here against the same models, and codes where the model knows the whole list (it
marks a shortened one with "+").
"""

from decimal import Decimal
from typing import Any

import pydantic
from fhir.resources.R4B import get_fhir_model_class

from interop.fhir.json_text import Json
from interop.fhir.outcome import Issue
from interop.fhir.types import ACCEPTED

_CODES = {
    "missing": "required",
    "model_field_validation.missing": "required",
    "extra_forbidden": "structure",
    "model_validation_format": "structure",
    "list_type": "structure",
}


def structure_issues(resource: dict[str, Json], place: str) -> list[Issue]:
    """Every way in which `resource` departs from its type's definition. `place` is its FHIRPath."""
    name = resource.get("resourceType")
    if not isinstance(name, str) or not name:
        return [Issue("required", "expected resourceType, the name of a FHIR R4 resource", place)]
    if name not in ACCEPTED and name != "Bundle":
        return [Issue("not-supported", "not a FHIR R4 type of a patient's record", f"{place}.resourceType")]
    try:
        parsed = get_fhir_model_class(name).model_validate(resource)
    except pydantic.ValidationError as error:
        return [_issue(detail, place) for detail in error.errors(include_url=False, include_input=False)]
    except (KeyError, ValueError):  # raised by fhir.resources for a contained resource of no known type
        return [Issue("not-supported", "a contained resource is not of a FHIR R4 type", f"{place}.contained")]
    return list(_compare(parsed, resource, place))


def _issue(detail: Any, place: str) -> Issue:
    path = [part for part in detail["loc"] if part != "root"]
    said = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        said = "not an element of this type"
    elif detail["type"] in ("missing", "model_field_validation.missing"):
        said = "required, but missing"
    return Issue(_CODES.get(detail["type"], "value"), said, place + _path(path))


def _path(parts: list[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)


def _compare(parsed: Any, raw: Json, place: str) -> list[Issue]:
    """Issues where the model's type and the JSON's type differ, or a code is outside its closed list."""
    issues: list[Issue] = []
    for name, field in type(parsed).model_fields.items():
        key = field.alias or name
        if not isinstance(raw, dict) or key not in raw:
            continue
        values, found = _as_list(getattr(parsed, name)), _as_list(raw[key])
        allowed = (field.json_schema_extra or {}).get("enum_values", [])
        for i, (value, given) in enumerate(zip(values, found, strict=False)):
            here = f"{place}.{key}[{i}]" if isinstance(raw[key], list) else f"{place}.{key}"
            issues += _compare_one(value, given, here, allowed)
    return issues


def _compare_one(value: Any, given: Json, place: str, allowed: list[str]) -> list[Issue]:
    if isinstance(value, pydantic.BaseModel):
        return _compare(value, given, place)
    if given is not None and (expected := _expected(value)) and not _is(given, expected):
        return [Issue("structure", f"expected a JSON {expected}", place)]
    if isinstance(given, str) and allowed and "+" not in allowed and given not in allowed:
        return [Issue("code-invalid", f"expected one of {', '.join(allowed)}", place)]
    return []


def _expected(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | Decimal) else ""


def _is(given: Json, expected: str) -> bool:
    if expected == "boolean":
        return isinstance(given, bool)
    return isinstance(given, int | Decimal) and not isinstance(given, bool)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
