"""Patients: enrolment, identifiers, DIDs; what follows when a DID is registered is in `sealing`."""

import secrets
import uuid
from collections.abc import Sequence

import msgspec
from django.db import IntegrityError, transaction

from accounts.api import Role, person_by_id
from ledger.api import DidRegistered, SignedTx, check_keyset, did_of
from wallet import ports
from wallet.codes import CODE_BYTES, code_of
from wallet.errors import Invalid, NotFound, Refused
from wallet.models import OrganisationKeys, PairwiseDid, Patient, PatientIdentifier
from wallet.models.keys import LedgerState
from wallet.outbox import outbox_queue
from wallet.selectors import patient_or_refuse, patient_profile
from wallet.shapes import DidRegistration, Identifier, PatientProfile
from wallet.translate import checking
from wallet.wires import check_signed_by, decode


def patient_enrol(*, person_id: uuid.UUID, identifiers: Sequence[Identifier] = ()) -> PatientProfile:
    """Give the person a patient code and these identifiers. Repeating it adds what is new.

    Raises NotFound (no such person, or not a patient), Refused (an identifier is another patient's).
    """
    person = person_by_id(person_id)
    if person is None or person.role != Role.PATIENT:
        raise NotFound("There is no such patient.")
    with transaction.atomic():
        patient = Patient.objects.filter(person_id=person_id).first() or _new_patient(person_id)
        for identifier in identifiers:
            _add_identifier(patient, identifier)
    return patient_profile(person_id=person_id)


def patient_set_emergency_choice(*, person_id: uuid.UUID, choice: str) -> PatientProfile:
    """Keep the patient's choice for emergencies: `allow`, `summary` or `never`. Raises Invalid."""
    if choice not in Patient.Emergency.values:
        raise Invalid("The choice must be allow, summary or never.")
    patient = patient_or_refuse(person_id)
    patient.emergency = choice
    patient.save(update_fields=["emergency"])
    return patient_profile(person_id=person_id)


def patient_register_dids(
    *, person_id: uuid.UUID, registrations: Sequence[DidRegistration]
) -> PatientProfile:
    """Take `DidRegistered` transactions that a phone signed (custody `self`), one per organisation.

    Checks each wire (signature, DID of the key set, suite, ledger, times, custody); all or nothing. The
    patient becomes self-held. Commit is told by `keys.registered` in the feed; then records that waited are
    re-sealed and anchored, and the gateways' copies of their data keys destroyed.
    Raises Invalid, Refused (custodial already, or a DID is there for that organisation), NotFound.
    """
    checked = [(item.organisation_id, *check_registration(item.wire, "self")) for item in registrations]
    if not checked:
        raise Invalid("There is no registration in the list.")
    with transaction.atomic():
        patient = patient_locked(person_id)
        custody_set(patient, Patient.Custody.SELF)
        for organisation_id, body, signed in checked:
            did_save(patient, organisation_id, body, signed)
    return patient_profile(person_id=person_id)


def check_registration(wire: bytes, custody: str) -> tuple[DidRegistered, SignedTx]:
    """A valid `DidRegistered` with a sealing key, signed by its own key set. Raises Invalid."""
    body, signed = decode(wire, DidRegistered, ports.now_ms())
    with checking("DidRegistered"):
        check_keyset(body.keyset)
    good = body.author == body.did == did_of(body.keyset)
    if not (good and body.custody == custody and body.keyset.sealing):
        raise Invalid("The DID must be that of its key set, with a sealing key and the right custody.")
    check_signed_by(signed, body.keyset)
    return body, signed


def did_save(
    patient: Patient, organisation_id: uuid.UUID, body: DidRegistered, signed: SignedTx
) -> PairwiseDid:
    """Keep a checked registration and queue it, in the caller's transaction; the same again is harmless."""
    if not OrganisationKeys.objects.filter(organisation_id=organisation_id).exists():
        raise NotFound("There is no such organisation on the ledger.")
    there = PairwiseDid.objects.filter(patient=patient, organisation_id=organisation_id).first()
    if there is not None and there.did == body.did:
        return there
    if there is not None and there.state != LedgerState.REJECTED:
        raise Refused("There is a DID for this organisation already.", next="Use the keys that are there.")
    PairwiseDid.objects.filter(patient=patient, organisation_id=organisation_id).delete()
    try:
        with transaction.atomic():
            row = PairwiseDid.objects.create(
                patient=patient,
                organisation_id=organisation_id,
                did=body.did,
                keyset=msgspec.to_builtins(body.keyset),
            )
    except IntegrityError as error:
        raise Refused("This DID is registered for another organisation; each needs its own.") from error
    outbox_queue(signed, subject=body.did)
    return row


def custody_set(patient: Patient, custody: Patient.Custody) -> None:
    """Choose the custody once. Raises Refused when the other one was chosen."""
    if patient.custody not in (Patient.Custody.NONE, custody):
        raise Refused("This patient's keys are held in the other way already.")
    patient.custody = custody
    patient.save(update_fields=["custody"])


def patient_locked(person_id: uuid.UUID) -> Patient:
    """The patient's row, locked until the caller's transaction ends. Raises NotFound."""
    patient = Patient.objects.select_for_update().filter(person_id=person_id).first()
    if patient is None:
        raise NotFound("There is no such patient.")
    return patient


def _new_patient(person_id: uuid.UUID) -> Patient:
    while True:  # 40 random bits: a second try is one in a million at a million patients
        code = code_of(secrets.token_bytes(CODE_BYTES))
        if not Patient.objects.filter(code=code).exists():
            return Patient.objects.create(person_id=person_id, code=code, created_at=ports.now_ms())


def _add_identifier(patient: Patient, identifier: Identifier) -> None:
    row, _ = PatientIdentifier.objects.get_or_create(
        organisation_id=identifier.organisation_id,
        system=identifier.system,
        value=identifier.value,
        defaults={"patient": patient},
    )
    if row.patient_id != patient.pk:
        raise Refused("This identifier belongs to another patient of that organisation.")
