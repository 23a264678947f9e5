"""The bedside's JSON: this device, requests, opening. Keys leave the wallet in one place: `open_records`."""

from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

from accounts.api import Role
from mobile_api.guards import as_json, body_as, endpoint, person_of
from wallet import api as wallet


class NewDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The device's public keys and its signature over the challenge (see wallet's DeviceChallenge)."""

    did: str
    seal_key: dict[str, Any]
    challenge: str
    signature: str


class SignedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`document`: the request's canonical JSON as text; `signature`: b64u64."""

    document: str
    signature: str


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wire: str


@endpoint("GET", Role.CLINICIAN)
def devices(request: HttpRequest) -> HttpResponse:
    return as_json(wallet.clinician_devices(person_id=person_of(request).id))


@endpoint("POST", Role.CLINICIAN)
def device_challenge(request: HttpRequest) -> HttpResponse:
    return as_json(wallet.clinician_device_challenge(person_id=person_of(request).id))


@endpoint("POST", Role.CLINICIAN)
def device_register(request: HttpRequest) -> HttpResponse:
    new = body_as(request, NewDevice)
    device = wallet.clinician_device_register(
        person_id=person_of(request).id,
        did=new.did,
        seal_key=new.seal_key,
        challenge=new.challenge,
        signature=new.signature,
    )
    return as_json(device, status=201)


@endpoint("GET", Role.CLINICIAN)
def requests(request: HttpRequest) -> HttpResponse:
    """What this clinician asked, and what became of it."""
    person_id = person_of(request).id
    return as_json(
        {
            "requests": wallet.requests_for_requester(person_id=person_id),
            "consents": wallet.consents_for_requester(person_id=person_id),
        }
    )


@endpoint("POST", Role.CLINICIAN)
def request_create(request: HttpRequest) -> HttpResponse:
    signed = body_as(request, SignedRequest)
    made = wallet.request_create(
        person_id=person_of(request).id, document=signed.document.encode(), signature=signed.signature
    )
    return as_json(made, status=201)


@endpoint("POST", Role.CLINICIAN)
def request_withdraw(request: HttpRequest, request_id: str) -> HttpResponse:
    return as_json(wallet.request_withdraw(person_id=person_of(request).id, request_id=request_id))


@endpoint("GET", Role.CLINICIAN)
def grant(request: HttpRequest, consent_id: str) -> HttpResponse:
    """What the device needs to sign `AccessOpened`; no key."""
    return as_json(wallet.grant_for_requester(person_id=person_of(request).id, consent_id=consent_id))


@endpoint("POST", Role.CLINICIAN)
def open_records(request: HttpRequest) -> HttpResponse:
    """Commit the signed `AccessOpened`, then release exactly the keys it names."""
    wire = body_as(request, Wire).wire.encode()
    return as_json(wallet.access_open(person_id=person_of(request).id, wire=wire))
