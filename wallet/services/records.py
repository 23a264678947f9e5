"""Records in: encrypt, store, seal to the patient, anchor. And a patient's own reading."""

import uuid
from collections.abc import Sequence

from wallet.shapes import IngestedRecord, OwnRecord, OwnRecordKey, RecordPart


def records_ingest(
    *, organisation_id: uuid.UUID, patient_id: uuid.UUID, parts: Sequence[RecordPart]
) -> list[IngestedRecord]:
    """Store the parts as records of the patient (a person_id), all or nothing.

    Each gets a fresh data key, is encrypted and spread over the providers, its key sealed to the patient's DID
    at this source; row and signed `RecordAnchored` are saved in one transaction. Without a registered DID the
    key is sealed to the organisation's gateway and the state is `awaiting_key`. Bytes that this source sent for
    this patient before come back as `duplicate`. Must not be called inside a database transaction.
    Raises NotFound (patient or organisation), Invalid (a part's metadata), StorageDown, KeyUnavailable.
    """
    raise NotImplementedError


def record_open_own(*, person_id: uuid.UUID, record_id: str) -> OwnRecord:
    """A self-held patient's own record: its envelope for the phone to open, a token for the ciphertext."""
    raise NotImplementedError


def record_open_own_custodial(*, person_id: uuid.UUID, record_id: str, pin: str) -> OwnRecordKey:
    """A custodial patient's own record: its data key, opened with the PIN in this call only.

    Raises WrongFactor, FactorLocked, NotFound, Refused (not custodial).
    """
    raise NotImplementedError
