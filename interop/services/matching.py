"""Which enrolled patient a submission is about: by a known identifier, or by the patient code given."""

import uuid
from collections.abc import Iterable

from interop.fhir.outcome import refuse
from wallet import api as wallet

HOW_TO_ENROL = (
    "no enrolled patient is known to this organisation by these identifiers: enrol the patient with one of "
    "them (system and value), or name the patient code"
)


def patient_match(
    *,
    organisation_id: uuid.UUID,
    identifiers: Iterable[tuple[str, str]],
    patient_code: str | None,
    place: str,
) -> uuid.UUID:
    """The patient's person_id. Raises Refused when nobody matches, or when two answers contradict."""
    found = {
        match
        for system, value in identifiers
        if (
            match := wallet.patient_find_by_identifier(
                organisation_id=organisation_id, system=system, value=value
            )
        )
    }
    if patient_code:
        found.add(_by_code(patient_code))
    if len(found) > 1:
        raise refuse("conflict", "the identifiers and the code name different patients", place, status=409)
    if not found:
        raise refuse("not-found", HOW_TO_ENROL, place, status=422)
    return found.pop()


def _by_code(code: str) -> uuid.UUID:
    patient = wallet.patient_find_by_code(code=code)
    if patient is None:
        raise refuse("not-found", "no patient has this code: check it with the patient", status=422)
    return patient
