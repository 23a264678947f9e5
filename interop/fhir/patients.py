"""Whose resources are these? What belongs to a patient, and by which identifiers the patient is known.

Rules
- A resource belongs to the patient that its subject element names (`patient`, `subject`, `beneficiary`,
  `individual`, `for`, `participant.actor`, `member.entity`), by a reference to a Patient or by a logical
  identifier. One that names two patients is refused.
- People, organisations and other things without a subject go along with what refers to them; in a
  submission about one patient, all of them do.
- A transaction or collection is about one patient, since it is stored whole or not at all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from interop.fhir.outcome import Refused, refuse
from interop.fhir.parse import Entry, Submission
from interop.fhir.references import references_in

# The system under which a source's own FHIR id of a patient is kept, as `urn:uuid:<stable id>`.
FHIR_ID_SYSTEM = "urn:ietf:rfc:3986"
_SUBJECTS = ("patient", "subject", "beneficiary", "individual", "for")


@dataclass(frozen=True)
class Belonging:
    """The entries of one patient. `identifiers` are (system, value) pairs; empty when nobody is named."""

    identifiers: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]


def by_patient(submission: Submission) -> tuple[Belonging, ...]:
    """The submission's entries, patient by patient. Raises Refused with the places."""
    entries = submission.entries
    known = _identifiers_of_patient_resources(entries)
    owners = {entry.place: _owner(entry, known) for entry in entries}
    patients = list(dict.fromkeys(owner for owner in owners.values() if owner))
    if len(patients) > 1 and submission.kind != "batch":
        raise refuse("multiple-matches", "expected one patient: send a Bundle for each", _root(submission))
    if len(patients) <= 1:
        owner = patients[0] if patients else ""
        return (Belonging(_named(owner, known), entries),) if entries else ()
    return tuple(
        Belonging(_named(patient, known), tuple(entry for entry in entries if entry.reference in mine))
        for patient, mine in _with_supporting(entries, owners, patients)
    )


def _root(submission: Submission) -> str:
    return submission.entries[0].place if submission.kind == "single" else "Bundle"


def _identifiers_of_patient_resources(entries: Iterable[Entry]) -> dict[str, tuple[tuple[str, str], ...]]:
    return {
        entry.reference: tuple(
            (identifier["system"], identifier["value"])
            for identifier in entry.resource.get("identifier", [])
            if "system" in identifier and "value" in identifier
        )
        for entry in entries
        if entry.resource["resourceType"] == "Patient"
    }


def _owner(entry: Entry, known: dict[str, tuple[tuple[str, str], ...]]) -> str:
    if entry.resource["resourceType"] == "Patient":
        return entry.reference
    owners = {_token(element, known) for element in _subjects(entry.resource)} - {""}
    if len(owners) > 1:
        raise refuse("multiple-matches", "names more than one patient", entry.place)
    return owners.pop() if owners else ""


def _subjects(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    listed = [resource.get(name) for name in _SUBJECTS]
    listed += [member.get("actor") for member in _backbones(resource, "participant")]
    listed += [member.get("entity") for member in _backbones(resource, "member")]
    for value in listed:
        yield from (element for element in _as_list(value) if isinstance(element, dict))


def _backbones(resource: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [value for value in _as_list(resource.get(name)) if isinstance(value, dict)]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _token(element: dict[str, Any], known: dict[str, tuple[tuple[str, str], ...]]) -> str:
    """What stands for the patient that a Reference names: `Patient/id`, a URL, or `system|value`; else ""."""
    target = element.get("reference", "")
    if isinstance(target, str) and (target.startswith("Patient/") or "/Patient/" in target):
        return target.split("/_history/")[0]
    identifier = element.get("identifier")
    if target or not isinstance(identifier, dict) or element.get("type", "Patient") != "Patient":
        return ""
    pair = (identifier.get("system", ""), identifier.get("value", ""))
    return next((reference for reference, pairs in known.items() if pair in pairs), f"{pair[0]}|{pair[1]}")


def _named(token: str, known: dict[str, tuple[tuple[str, str], ...]]) -> tuple[tuple[str, str], ...]:
    if token.startswith("Patient/"):
        return ((FHIR_ID_SYSTEM, f"urn:uuid:{token.removeprefix('Patient/')}"), *known.get(token, ()))
    system, bar, value = token.rpartition("|")
    return ((system, value),) if bar else ()


def _with_supporting(
    entries: tuple[Entry, ...], owners: dict[str, str], patients: list[str]
) -> Iterator[tuple[str, set[str]]]:
    """Each patient with the references of their resources and of what those refer to."""
    targets = {entry.reference: {r.target for r in references_in(entry.resource, "")} for entry in entries}
    places = {entry.reference: entry.place for entry in entries}
    held: set[str] = set()
    for patient in patients:
        mine = {entry.reference for entry in entries if owners[entry.place] == patient}
        waiting = list(mine)
        while waiting:
            for target in targets[waiting.pop()]:
                if target in targets and target not in mine and not owners[places[target]]:
                    mine.add(target)
                    waiting.append(target)
        held |= mine
        yield patient, mine
    if missed := [entry.place for entry in entries if entry.reference not in held]:
        raise Refused(
            [refuse("not-found", "no patient's resource refers to it", p).issues[0] for p in missed]
        )
