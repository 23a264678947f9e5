"""Pieces of FHIR JSON, shared by histories and claims."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from salus.demo.records.stories import Measurement, Term

Json = dict[str, Any]
_NAMESPACE = uuid.UUID("0d3e0000-0000-5000-8000-000000000001")
_TERMS = "http://terminology.hl7.org/CodeSystem"


def urn(*parts: object) -> str:
    """A `urn:uuid:` that is the same for the same parts."""
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts)))}"


def to(urn_: str, display: str = "") -> Json:
    return {"reference": urn_, "display": display} if display else {"reference": urn_}


def hl7(system: str, code: str, display: str = "") -> Json:
    """A CodeableConcept of one HL7 code system by its short name."""
    coding = {"system": f"{_TERMS}/{system}", "code": code}
    return {"coding": [coding | ({"display": display} if display else {})]}


def bilingual(name: str, name_zh: str, key: str = "text") -> Json:
    """`key` in English with its Chinese translation as FHIR's translation extension."""
    parts = [{"url": "lang", "valueCode": "zh"}, {"url": "content", "valueString": name_zh}]
    translation = {"url": "http://hl7.org/fhir/StructureDefinition/translation", "extension": parts}
    return {key: name, f"_{key}": {"extension": [translation]}}


def concept(term: Term) -> Json:
    coding = {"system": term.system, "code": term.code, "display": term.name}
    return {"coding": [coding], **bilingual(term.name, term.name_zh)}


def quantity(of: Measurement, value: float) -> Json:
    return {
        "value": round_to(value, of.decimals),
        "unit": of.shown,
        "system": "http://unitsofmeasure.org",
        "code": of.unit,
    }


def round_to(value: float, decimals: int) -> Decimal:
    return Decimal(f"{value:.{decimals}f}")


def instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def reference_range(of: Measurement) -> list[Json]:
    bounds = {
        side: quantity(of, bound) for side, bound in (("low", of.low), ("high", of.high)) if bound is not None
    }
    return [bounds] if bounds else []


def interpretation(of: Measurement, value: float) -> list[Json]:
    """H or L outside the reference range, N inside; nothing where there is no range."""
    if of.low is None and of.high is None:
        return []
    code, display = "N", "Normal"
    if of.high is not None and value > of.high:
        code, display = "H", "High"
    if of.low is not None and value < of.low:
        code, display = "L", "Low"
    return [hl7("v3-ObservationInterpretation", code, display)]


def entry(urn_: str, resource: Json) -> Json:
    return {
        "fullUrl": urn_,
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"]},
    }
