"""Patients: enrolment, identifiers, DIDs; what follows when a DID is registered is in `sealing`."""

import uuid
from collections.abc import Sequence

from wallet.shapes import DidRegistration, Identifier, PatientProfile


def patient_enrol(*, person_id: uuid.UUID, identifiers: Sequence[Identifier] = ()) -> PatientProfile:
    """Give the person a patient code and these identifiers. Repeating it adds what is new.

    Raises NotFound (no such person, or not a patient), Refused (an identifier is another patient's).
    """
    raise NotImplementedError


def patient_set_emergency_choice(*, person_id: uuid.UUID, choice: str) -> PatientProfile:
    """Keep the patient's choice for emergencies: `allow`, `summary` or `never`. Raises Invalid."""
    raise NotImplementedError


def patient_register_dids(
    *, person_id: uuid.UUID, registrations: Sequence[DidRegistration]
) -> PatientProfile:
    """Take `DidRegistered` transactions that a phone signed (custody `self`), one per organisation.

    Checks each wire (signature, DID of the key set, suite, ledger, times, custody); all or nothing. The patient
    becomes self-held. Commit is told by `keys.registered` in the feed; then records that waited are re-sealed
    and anchored, and the gateways' copies of their data keys destroyed.
    Raises Invalid, Refused (custodial already, or a DID is there for that organisation), NotFound.
    """
    raise NotImplementedError


def patient_set_pin(*, person_id: uuid.UUID, pin: str) -> PatientProfile:
    """Make a custodial patient's keys under this 6-digit PIN: one DID per active organisation, registered.

    Raises Invalid (a weak or malformed PIN), Refused (keys exist already).
    """
    raise NotImplementedError
