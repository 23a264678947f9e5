"""Requests for access: asked, refused, withdrawn.

Rules
- What is kept is exactly what was signed; its form and signature are checked by wallet.core.request.
- A clinician asks from a device of their own that the ledger has registered, named as their hospital's
  credential names them. Grants are sealed to that device's key only.
- Ids, nonces and access keys serve once. A requester is limited in asks and in guesses of patient codes.
"""

import json
import uuid

from django.db import IntegrityError, transaction
from django.db.models import Q

from ledger.api import b64u_decode, keyset_from_json, loads_canonical
from wallet import ports
from wallet.codes import code_read
from wallet.core import lifecycle
from wallet.core.credential import verify_credential
from wallet.core.did_key import ed25519_of
from wallet.core.errors import NotAllowed
from wallet.core.request import Request, parse_request, request_bytes, verify_request
from wallet.errors import Invalid, NotFound, Refused
from wallet.feed import FeedKind, feed_append
from wallet.models import AccessRequest, ClinicianDevice, Patient
from wallet.models.keys import LedgerState
from wallet.selectors import patient_request
from wallet.services.limits import limit
from wallet.services.organisation_keys import keys_row
from wallet.shapes import RequestView
from wallet.shaping import request_view
from wallet.translate import checking

MAX_SKEW_MS = 5 * 60_000
MAX_LIFE_MS = 7 * 86_400_000
ASKS_PER_MINUTE = 30
WAITING_PER_PATIENT = 5


def request_create(*, person_id: uuid.UUID, document: bytes, signature: str) -> RequestView:
    """Take a clinician's signed request (docs/formats.md section 4) and ring the patient.

    `document`: the canonical bytes; `signature`: b64u64 by the device's did:key. Checks the signature, that
    the requester is a registered device of this person with its credential and sealing key, fresh id, nonce
    and access key, times (`created_at` within 5 minutes of now, `expires_at` at most 7 days later).
    Raises Invalid, NotFound (the patient code), Refused (device not registered, id or key used), RateLimited.
    """
    limit(f"request:{person_id}", most=ASKS_PER_MINUTE)
    request = _parse(document)
    device = ClinicianDevice.objects.filter(did=request.requester.did, person_id=person_id).first()
    if device is None or device.state != LedgerState.REGISTERED:
        raise Refused("This device is not registered for you.", next="Register the device first.")
    with checking("the request"):
        verify_request(request, b64u_decode(signature, 64), ed25519_of(device.did))
    _check_requester(request, device)
    return request_save(
        request,
        signature=signature,
        person_id=person_id,
        organisation_id=device.organisation_id,
        access_secret=None,
    )


def request_refuse(*, person_id: uuid.UUID, request_id: str) -> RequestView:
    """The patient says no; the requester's feed says `request.refused`."""
    row = patient_request(person_id, request_id)
    request_step(row, lifecycle.Step.REFUSE, lifecycle.Actor.PATIENT, FeedKind.REQUEST_REFUSED, row.person_id)
    return request_view(row, ports.now_ms())


def request_withdraw(*, person_id: uuid.UUID, request_id: str) -> RequestView:
    """The requester takes the request back before it is answered."""
    rows = AccessRequest.objects.select_related("patient")
    row = rows.filter(Q(id=request_id), person_id=person_id).first()
    if row is None:
        raise NotFound("There is no such request.")
    step, actor = lifecycle.Step.WITHDRAW, lifecycle.Actor.REQUESTER
    request_step(row, step, actor, FeedKind.REQUEST_CLOSED, row.patient_id)
    return request_view(row, ports.now_ms())


def request_save(
    request: Request,
    *,
    signature: str,
    person_id: uuid.UUID | None,
    organisation_id: uuid.UUID,
    access_secret: bytes | None,
) -> RequestView:
    """Keep a checked request and ring the patient. Raises NotFound (the code), Refused (used before)."""
    now = ports.now_ms()
    _check_times(request, now)
    patient = Patient.objects.filter(code=code_read(request.patient)).first()
    if patient is None:
        raise NotFound("No patient has this code.")
    _check_waiting(patient, organisation_id, person_id, now)
    try:
        with transaction.atomic():
            row = AccessRequest.objects.create(
                id=request.id,
                patient=patient,
                person_id=person_id,
                organisation_id=organisation_id,
                document=request_bytes(request).decode(),
                signature=signature,
                nonce=request.nonce,
                access_key=request.access_key,
                access_secret=access_secret,
                created_at=now,
                expires_at=request.expires_at,
            )
            kind, payload = FeedKind.REQUEST_WAITING, {"request_id": row.id}
            feed_append(person_id=patient.pk, kind=kind, once=row.id, payload=payload)
    except IntegrityError as error:
        raise Refused("This request was made before.", next="Make a new one with fresh keys.") from error
    return request_view(row, now)


def request_step(
    row: AccessRequest,
    step: lifecycle.Step,
    actor: lifecycle.Actor,
    kind: FeedKind,
    person_id: uuid.UUID | None,
) -> None:
    """Take a step of the request's lifecycle and tell `person_id`. Raises Refused when it is not allowed."""
    with transaction.atomic():
        request_advance(row, step, actor)
        feed_append(person_id=person_id, kind=kind, once=row.id, payload={"request_id": row.id})


def request_advance(row: AccessRequest, step: lifecycle.Step, actor: lifecycle.Actor) -> None:
    """Move the request by the table of wallet.core.lifecycle, in the caller's transaction."""
    rows = AccessRequest.objects.filter(pk=row.pk)
    present = rows.select_for_update().values_list("state", flat=True).get()
    try:
        state = lifecycle.advance(
            lifecycle.State(present), step, actor, now=ports.now_ms(), expires_at=row.expires_at
        )
    except NotAllowed as error:
        raise Refused(f"{error}") from error
    rows.update(state=str(state))
    row.state = str(state)


def _parse(document: bytes) -> Request:
    with checking("the request"):
        value = loads_canonical(document)
        if not isinstance(value, dict):
            raise Invalid("The request must be a JSON object.")
        return parse_request(value)


def _check_times(request: Request, now: int) -> None:
    if request.ledger != ports.chain_id():
        raise Invalid("The request names another ledger.")
    if abs(request.created_at - now) > MAX_SKEW_MS:
        raise Invalid("The request was not made now.", next="Check the device's clock and ask again.")
    if not now < request.expires_at <= now + MAX_LIFE_MS + MAX_SKEW_MS:
        raise Invalid("The request must end within seven days.")


def _check_requester(request: Request, device: ClinicianDevice) -> None:
    """The credential's own words: a clinician cannot rename themselves in a request."""
    asker = request.requester
    row = keys_row(device.organisation_id)
    issuers = [b64u_decode(key.public, 32) for key in keyset_from_json(row.keyset).keys]
    with checking("the credential"):
        credential = verify_credential(
            asker.credential,
            subject=device.did,
            organisation=row.did,
            issuer_keys=issuers,
            now=ports.now_ms(),
        )
    named = (asker.organisation, asker.name, asker.role, asker.credential)
    if named != (row.did, credential.name, credential.role, device.credential):
        raise Invalid("The requester must be named as in the device's credential.")
    key = {"suite": request.seal_key.suite, "public": request.seal_key.public, "id": request.seal_key.id}
    if key != device.seal_key:
        raise Invalid("The sealing key must be the one that the device registered.")


def _check_waiting(
    patient: Patient, organisation_id: uuid.UUID, person_id: uuid.UUID | None, now: int
) -> None:
    waiting = AccessRequest.objects.filter(
        patient=patient,
        organisation_id=organisation_id,
        person_id=person_id,
        state=AccessRequest.State.REQUESTED,
        expires_at__gt=now,
    )
    if waiting.count() >= WAITING_PER_PATIENT:
        raise Refused("Several requests wait for this patient already.", next="Wait for an answer.")


def request_document(row: AccessRequest) -> Request:
    """The stored request, parsed."""
    return parse_request(json.loads(row.document))
