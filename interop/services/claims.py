"""Claims out: what an insurer may read under a patient's consent for payment, and nothing else."""

import uuid
from typing import Any

from interop.fhir.join import join
from interop.fhir.outcome import Issue, Refused
from wallet import api as wallet

PURPOSE = "HPAYMT"
# No patient has a code with a U in it: Crockford's alphabet leaves it out.
_NOBODY = "UUUU-UUUU"


def no_consent(how_to_ask: str) -> Refused:
    """The one answer to every read that no consent covers, whoever the patient is or is not."""
    said = f"No active consent for payment covers this. {how_to_ask}"
    return Refused([Issue("forbidden", said)], status=403)


def claims_read(
    *, organisation_id: uuid.UUID, patient: str, resource_type: str, how_to_ask: str
) -> list[dict[str, Any]]:
    """The covered resources of one type, joined from their parts, source by source.

    `patient` is the patient code or the insurer's own identifier as `system|value`. The access is on the
    ledger before anything is decrypted. Raises Refused (403, always the same), LedgerDown, StorageDown.
    """
    code = _code(organisation_id, patient)
    by_source: dict[str, list[wallet.GatewayRecord]] = {}
    contents: dict[str, bytes] = {}
    try:
        for found in wallet.organisation_read(
            organisation_id=organisation_id, patient_code=code, purpose=PURPOSE, types=[resource_type]
        ):
            by_source.setdefault(found.record.source.did, []).append(found)
            contents[found.record.record_id] = b"".join(found.content)
    except (wallet.NoConsent, wallet.NotFound):
        raise no_consent(how_to_ask) from None
    resources: list[dict[str, Any]] = []
    for records in by_source.values():
        oldest_first = sorted(records, key=lambda found: (found.record.created_at, found.record.record_id))
        resources += join(contents[found.record.record_id] for found in oldest_first)
    return resources


def _code(organisation_id: uuid.UUID, patient: str) -> str:
    system, bar, value = patient.rpartition("|")
    if not bar:
        return patient
    person_id = wallet.patient_find_by_identifier(organisation_id=organisation_id, system=system, value=value)
    return wallet.patient_code(person_id=person_id) if person_id else _NOBODY
