"""An organisation's gateway as requester and reader: insurers, systems without a person at the screen."""

import uuid
from collections.abc import Iterator, Sequence

from wallet.shapes import GatewayRecord, RequestView


def organisation_request_create(
    *,
    organisation_id: uuid.UUID,
    person_id: uuid.UUID | None,
    patient_code: str,
    purpose: str,
    reason: str,
    types: Sequence[str],
    date_from: str | None,
    date_to: str | None,
    mode: str = "view",
    duration_s: int = 30 * 86400,
) -> RequestView:
    """Ask a patient for consent in the organisation's name, signed with its ledger key.

    `person_id` is who asked (their feed gets the answer) or None for a system. The access key is made here and
    kept wrapped. Raises NotFound (the code), Invalid, RateLimited, KeyUnavailable (not this gateway's).
    """
    raise NotImplementedError


def organisation_read(
    *, organisation_id: uuid.UUID, patient_code: str, purpose: str, types: Sequence[str]
) -> Iterator[GatewayRecord]:
    """The patient's records of these types under the organisation's active consents for `purpose`, decrypted.

    One `AccessOpened` per consent is committed before any key is opened; then records come one by one.
    Raises NoConsent, with one and the same message whether the patient, the records or a consent exist or not,
    before the first record is yielded; LedgerDown, StorageDown, KeyUnavailable.
    """
    raise NotImplementedError
