"""The patient's JSON: set-up, own records, requests, consents. Every check is the wallet's."""

import uuid
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

from accounts.api import Role
from mobile_api.guards import as_json, body_as, endpoint, person_of
from wallet import api as wallet


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`wire`: the signed transaction's canonical JSON as text."""

    organisation_id: uuid.UUID
    wire: str


class Registrations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    registrations: list[Registration]


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pin: str


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    choice: str


class Preview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    narrowing: wallet.Narrowing
    locale: str


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phone's signed approval."""

    wires: list[str]
    pack: dict[str, Any]


class CustodialApproval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pin: str
    narrowing: wallet.Narrowing
    locale: str


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wire: str


class CustodialRevocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    consents: list[str]
    pin: str


class Wires(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wires: list[str]


class CustodialAcknowledgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    records: list[str]
    pin: str


class Records(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    records: list[str]


@endpoint("GET", Role.PATIENT)
def profile(request: HttpRequest) -> HttpResponse:
    return as_json(wallet.patient_profile(person_id=person_of(request).id))


@endpoint("POST", Role.PATIENT)
def register_dids(request: HttpRequest) -> HttpResponse:
    """The phone's signed DIDs, one per organisation."""
    asked = body_as(request, Registrations).registrations
    registrations = [
        wallet.DidRegistration(organisation_id=r.organisation_id, wire=r.wire.encode()) for r in asked
    ]
    found = wallet.patient_register_dids(person_id=person_of(request).id, registrations=registrations)
    return as_json(found)


@endpoint("POST", Role.PATIENT)
def set_pin(request: HttpRequest) -> HttpResponse:
    return as_json(wallet.patient_set_pin(person_id=person_of(request).id, pin=body_as(request, Pin).pin))


@endpoint("POST", Role.PATIENT)
def set_emergency_choice(request: HttpRequest) -> HttpResponse:
    choice = body_as(request, Choice).choice
    return as_json(wallet.patient_set_emergency_choice(person_id=person_of(request).id, choice=choice))


@endpoint("GET", Role.PATIENT)
def records(request: HttpRequest) -> HttpResponse:
    return as_json(wallet.records_for_patient(person_id=person_of(request).id))


@endpoint("GET", Role.PATIENT)
def new_records(request: HttpRequest) -> HttpResponse:
    """Records that wait for the patient's word, by source."""
    return as_json(wallet.records_new(person_id=person_of(request).id))


@endpoint("POST", Role.PATIENT)
def acknowledge(request: HttpRequest) -> HttpResponse:
    """A phone's signed `RecordAcknowledged`s."""
    wires = [wire.encode() for wire in body_as(request, Wires).wires]
    return as_json(wallet.records_acknowledge_self_held(person_id=person_of(request).id, wires=wires))


@endpoint("POST", Role.PATIENT)
def acknowledge_custodial(request: HttpRequest) -> HttpResponse:
    asked = body_as(request, CustodialAcknowledgement)
    answered = wallet.records_acknowledge_custodial(
        person_id=person_of(request).id, records=asked.records, pin=asked.pin
    )
    return as_json(answered)


@endpoint("POST", Role.PATIENT)
def dispute(request: HttpRequest) -> HttpResponse:
    """The patient says that these records are not theirs."""
    records = body_as(request, Records).records
    return as_json(wallet.records_dispute(person_id=person_of(request).id, records=records))


@endpoint("POST", Role.PATIENT)
def open_own(request: HttpRequest, record_id: str) -> HttpResponse:
    """A self-held patient's own record: an envelope for the phone."""
    return as_json(wallet.record_open_own(person_id=person_of(request).id, record_id=record_id))


@endpoint("POST", Role.PATIENT)
def open_own_custodial(request: HttpRequest, record_id: str) -> HttpResponse:
    """A custodial patient's own record: its key, opened by the PIN."""
    pin = body_as(request, Pin).pin
    return as_json(
        wallet.record_open_own_custodial(person_id=person_of(request).id, record_id=record_id, pin=pin)
    )


@endpoint("GET", Role.PATIENT)
def request_detail(request: HttpRequest, request_id: str) -> HttpResponse:
    detail = wallet.request_detail_for_patient(person_id=person_of(request).id, request_id=request_id)
    return as_json(detail)


@endpoint("POST", Role.PATIENT)
def preview(request: HttpRequest, request_id: str) -> HttpResponse:
    """What a custodial approval with this narrowing would sign, word for word."""
    asked = body_as(request, Preview)
    return as_json(
        wallet.request_preview_custodial(
            person_id=person_of(request).id,
            request_id=request_id,
            narrowing=asked.narrowing,
            locale=asked.locale,
        )
    )


@endpoint("POST", Role.PATIENT)
def approve(request: HttpRequest, request_id: str) -> HttpResponse:
    """A phone's approval: signed transactions and the grant pack."""
    approval = body_as(request, Approval)
    consent = wallet.request_approve_self_held(
        person_id=person_of(request).id,
        request_id=request_id,
        wires=[wire.encode() for wire in approval.wires],
        pack=approval.pack,
    )
    return as_json(consent)


@endpoint("POST", Role.PATIENT)
def approve_custodial(request: HttpRequest, request_id: str) -> HttpResponse:
    """The service signs with the PIN, and only the very text that the page says it has shown."""
    approval = body_as(request, CustodialApproval)
    if approval.narrowing.text is None or approval.narrowing.valid_from is None:
        raise wallet.Invalid("An approval names the text that was shown.", next="Read the consent again.")
    consent = wallet.request_approve_custodial(
        person_id=person_of(request).id,
        request_id=request_id,
        pin=approval.pin,
        narrowing=approval.narrowing,
        locale=approval.locale,
    )
    return as_json(consent)


@endpoint("POST", Role.PATIENT)
def refuse(request: HttpRequest, request_id: str) -> HttpResponse:
    return as_json(wallet.request_refuse(person_id=person_of(request).id, request_id=request_id))


@endpoint("GET", Role.PATIENT)
def consents(request: HttpRequest) -> HttpResponse:
    return as_json(wallet.consents_for_patient(person_id=person_of(request).id))


@endpoint("POST", Role.PATIENT)
def revoke(request: HttpRequest) -> HttpResponse:
    """A phone's signed `ConsentRevoked`."""
    wire = body_as(request, Wire).wire.encode()
    return as_json(wallet.consent_revoke_self_held(person_id=person_of(request).id, wire=wire))


@endpoint("POST", Role.PATIENT)
def revoke_custodial(request: HttpRequest) -> HttpResponse:
    asked = body_as(request, CustodialRevocation)
    ended = wallet.consent_revoke_custodial(
        person_id=person_of(request).id, consents=asked.consents, pin=asked.pin
    )
    return as_json(ended)


@endpoint("GET", Role.PATIENT)
def looked(request: HttpRequest) -> HttpResponse:
    return as_json(wallet.who_looked(person_id=person_of(request).id))
