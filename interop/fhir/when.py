"""When something happened, and in which encounter: what records are grouped by.

Rules
- A resource's days are those of its own clinical dates, else of its administrative ones (`issued`,
  `created`, …); a partial date covers all of its month or year. The day is the sender's local one.
- Its group is `encounter:<id>` where it names exactly one encounter (or is one), else `day:<first day>`,
  else `undated`. People, places and things that records refer to are in `reference`.
- What still stands (an allergy; a problem that is active and has not abated) has no period, so that no
  range of dates hides it from a reader; it is kept apart from what is over by `:standing`.
"""

import calendar
from collections.abc import Iterator
from typing import Any

# Elements that say when, the clinically true ones first (FHIR R4 w5 mapping "FiveWs.done", then "recorded").
_CLINICAL = (
    "effectiveDateTime effectiveInstant effectivePeriod period occurrenceDateTime occurrencePeriod "  # noqa: SIM905
    "performedDateTime performedPeriod onsetDateTime onsetPeriod started billablePeriod authoredOn "
    "createdDateTime createdPeriod identifiedDateTime whenHandedOver".split()
)
_ADMINISTRATIVE = (
    "recordedDate recorded issued date dateTime created authored assertedDate sent start statusDate "  # noqa: SIM905
    "startDate receivedTime lastOccurrence".split()
)
_STANDING_STATUS = ("active", "recurrence", "relapse")
REFERENCE_TYPES = frozenset(
    "Patient Practitioner PractitionerRole Organization OrganizationAffiliation Location HealthcareService "  # noqa: SIM905
    "Endpoint Medication Substance Device RelatedPerson Person Group Coverage".split()
)


def group_of(resource: dict[str, Any]) -> str:
    """Which of its type's records a resource belongs to."""
    if resource["resourceType"] in REFERENCE_TYPES:
        return "reference"
    return _occasion(resource) + (":standing" if _stands(resource) else "")


def period_of(resource: dict[str, Any]) -> tuple[str, str] | None:
    """The days that decide whether a range of dates covers the resource; None when every range does."""
    return None if _stands(resource) else days_of(resource)


def days_of(resource: dict[str, Any]) -> tuple[str, str] | None:
    """First and last day (YYYY-MM-DD) that the resource is about; None when it does not say."""
    if resource["resourceType"] in REFERENCE_TYPES:
        return None
    for names in (_CLINICAL, _ADMINISTRATIVE):
        spans = [span for name in names if name in resource for span in _spans(resource[name])]
        if spans:
            return min(first for first, _ in spans), max(last for _, last in spans)
    return None


def _occasion(resource: dict[str, Any]) -> str:
    encounters = {target.split("/")[1] for target in _encounters(resource)}
    if len(encounters) == 1:
        return f"encounter:{encounters.pop()}"
    days = days_of(resource)
    return f"day:{days[0]}" if days else "undated"


def _stands(resource: dict[str, Any]) -> bool:
    if resource["resourceType"] == "AllergyIntolerance":
        return True
    if resource["resourceType"] != "Condition" or any(name.startswith("abatement") for name in resource):
        return False
    codings = resource.get("clinicalStatus", {}).get("coding", [])
    return any(coding.get("code") in _STANDING_STATUS for coding in codings)


def _spans(value: Any) -> Iterator[tuple[str, str]]:
    for text in [value.get("start"), value.get("end")] if isinstance(value, dict) else [value]:
        if isinstance(text, str) and len(text) >= 4:
            yield _span(text[:10])


def _span(date: str) -> tuple[str, str]:
    if len(date) >= 10:
        return date, date
    if len(date) == 7:
        year, month = date.split("-")
        return f"{date}-01", f"{date}-{calendar.monthrange(int(year), int(month))[1]}"
    return f"{date[:4]}-01-01", f"{date[:4]}-12-31"


def _encounters(resource: dict[str, Any]) -> Iterator[str]:
    if resource["resourceType"] == "Encounter":
        yield f"Encounter/{resource['id']}"
    context = resource.get("context")
    # DocumentReference.context is a BackboneElement that lists encounters; elsewhere it is a Reference.
    listed = context.get("encounter", []) if isinstance(context, dict) else []
    candidates = [resource.get("encounter"), context, *(listed if isinstance(listed, list) else [listed])]
    for candidate in candidates:
        found = candidate if isinstance(candidate, list) else [candidate]
        for element in found:
            target = element.get("reference", "") if isinstance(element, dict) else ""
            if target.startswith("Encounter/"):
                yield target
