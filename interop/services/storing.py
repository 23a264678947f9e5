"""The last step of every way in: whose records these are, and handing them to the wallet."""

import uuid
from collections.abc import Sequence

from accounts import api as accounts
from interop.fhir.outcome import refuse
from wallet import api as wallet


def source_did(organisation_id: uuid.UUID) -> str:
    """The DID of the organisation that sends. Raises Refused when it is not on the ledger."""
    organisation = accounts.organisation_by_id(organisation_id)
    if organisation is None or not organisation.did:
        raise refuse("forbidden", "this organisation is not registered on the ledger yet", status=403)
    return organisation.did


def records_store(
    organisation_id: uuid.UUID, person_id: uuid.UUID, parts: Sequence[wallet.RecordPart]
) -> list[wallet.IngestedRecord]:
    """Store one patient's records together or not at all. Raises Refused, StorageDown, KeyUnavailable."""
    try:
        return wallet.records_ingest(organisation_id=organisation_id, patient_id=person_id, parts=parts)
    except wallet.Invalid as error:
        raise refuse("invalid", error.message) from error
