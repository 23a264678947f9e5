"""Reads for pages and APIs: every one is scoped to the person or organisation that asks."""

import uuid
from typing import Any

from wallet.shapes import (
    AccessView,
    ConsentView,
    GrantDetail,
    OrganisationRef,
    PatientProfile,
    RecordView,
    RequestDetail,
    RequestView,
    UploadView,
)


def organisations_active() -> list[OrganisationRef]:
    """Organisations registered on the ledger, by name."""
    raise NotImplementedError


def patient_profile(*, person_id: uuid.UUID) -> PatientProfile:
    """The patient's own profile; `organisations` lists every active one, with or without a DID.

    Raises NotFound when the person is not enrolled as a patient.
    """
    raise NotImplementedError


def patient_find_by_code(*, code: str) -> uuid.UUID | None:
    """Whose code this is: any case, with or without dash; O reads as 0, I and L as 1."""
    raise NotImplementedError


def patient_find_by_identifier(*, organisation_id: uuid.UUID, system: str, value: str) -> uuid.UUID | None:
    """Whom this organisation knows by this identifier."""
    raise NotImplementedError


def patient_code(*, person_id: uuid.UUID) -> str:
    """The patient's code as `XXXX-XXXX`. Raises NotFound."""
    raise NotImplementedError


def records_for_patient(*, person_id: uuid.UUID) -> list[RecordView]:
    """All records of the patient, newest period first."""
    raise NotImplementedError


def uploads_for_organisation(*, organisation_id: uuid.UUID, limit: int = 100) -> list[UploadView]:
    """The latest records that the organisation sent, newest first."""
    raise NotImplementedError


def requests_for_patient(*, person_id: uuid.UUID) -> list[RequestView]:
    """Requests to the patient, newest first; those past `expires_at` read `expired`."""
    raise NotImplementedError


def requests_for_requester(*, person_id: uuid.UUID) -> list[RequestView]:
    """Requests that this person made, newest first."""
    raise NotImplementedError


def requests_for_organisation(*, organisation_id: uuid.UUID) -> list[RequestView]:
    """Requests made in the organisation's own name, newest first."""
    raise NotImplementedError


def request_detail_for_patient(*, person_id: uuid.UUID, request_id: str) -> RequestDetail:
    """One request with everything a phone needs to check and answer it. Raises NotFound, LedgerDown."""
    raise NotImplementedError


def consents_for_patient(*, person_id: uuid.UUID) -> list[ConsentView]:
    """The patient's consents, active first."""
    raise NotImplementedError


def consents_for_requester(*, person_id: uuid.UUID) -> list[ConsentView]:
    """Consents given to this person's requests, active first."""
    raise NotImplementedError


def consents_for_organisation(*, organisation_id: uuid.UUID) -> list[ConsentView]:
    """Consents given to requests in the organisation's own name, active first."""
    raise NotImplementedError


def grant_for_requester(*, person_id: uuid.UUID, consent_id: str) -> GrantDetail:
    """The opening, the records' metadata and the wraps' hashes, for the requester only; no key.

    Raises NotFound (another's), Refused (not active: still signed, or ended; `next` says which).
    """
    raise NotImplementedError


def who_looked(*, person_id: uuid.UUID, limit: int = 200) -> list[AccessView]:
    """Every committed act of opening of the patient's records, newest first."""
    raise NotImplementedError


def ledger_proof(*, tx_hash: str) -> dict[str, Any]:
    """The proof bundle of a committed transaction, for ledger/light.js. Raises NotFound, LedgerDown."""
    raise NotImplementedError
