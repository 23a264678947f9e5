"""Approval: a signed consent and its grant pack become a grant on its way to the ledger.

Rules
- A server cannot open a pack, but it checks all the rest: signatures, ledger, times; that the artefact
  answers this request and is nowhere wider; that the text signed is that of the artefact; the commitments;
  the handles' root and count; that each record is this patient's, anchored, and wrapped at its present epoch.
- Request, grant, wraps and outbox are saved in one transaction. The same approval twice is one; another
  answer to the same request, or another consent with a used id, is refused.
"""

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import IntegrityError, transaction

from accounts.api import organisation_by_id
from ledger.api import (
    ConsentGranted,
    SignedTx,
    b64u_decode,
    b64u_encode,
    keyset_from_json,
)
from wallet import ports
from wallet.core import lifecycle
from wallet.core.consent import (
    Artefact,
    artefact_bytes,
    artefact_commitment,
    organisation_commitment,
    requester_commitment,
    text_matches,
)
from wallet.core.grant import (
    GrantPack,
    grant_handles_root,
    ordered_handles,
    parse_grant_pack,
    wrap_hash_of,
)
from wallet.core.narrow import check_narrowing, check_records
from wallet.core.request import Request
from wallet.errors import Invalid, Refused
from wallet.feed import FeedKind, feed_append
from wallet.models import AccessRequest, ClinicianDevice, Grant, GrantWrap, PairwiseDid, Patient, Record
from wallet.models.keys import LedgerState
from wallet.outbox import outbox_queue
from wallet.selectors import patient_request, record_facts, records_offered
from wallet.services.patients import check_registration, custody_set, did_save, patient_locked
from wallet.services.requests import request_advance, request_document
from wallet.shapes import ConsentView
from wallet.shaping import consent_of
from wallet.translate import checking
from wallet.wires import check_signed_by, decode, tx_hash_hex

MAX_START_SKEW_MS = 5 * 60_000


def request_approve_self_held(
    *, person_id: uuid.UUID, request_id: str, wires: Sequence[bytes], pack: dict[str, Any]
) -> ConsentView:
    """Take a phone's approval: `wires` ends with its signed `ConsentGranted`, `pack` is the grant pack.

    A `DidRegistered` for the requester's organisation goes before it when the patient has no DID there yet.
    Verifies all that a server can: signatures, ledger and times; artefact, requester, organisation and
    handle commitments; that the artefact is the request or narrower; that the wraps cover exactly the
    artefact's records, which are this patient's and anchored. Grant and outbox are saved in one transaction.
    The same approval again returns the same consent. Raises Invalid, Refused (answered, expired), NotFound.
    """
    if not 1 <= len(wires) <= 2:
        raise Invalid("Expected ConsentGranted, with at most a DidRegistered before it.")
    row = patient_request(person_id, request_id)
    body, signed = decode(wires[-1], ConsentGranted, ports.now_ms())
    if (done := _repeated(row, signed)) is not None:
        return done
    if row.patient.custody == Patient.Custody.CUSTODIAL:
        raise Refused("This patient's consents are signed with the PIN.")
    registration = check_registration(wires[0], "self") if len(wires) == 2 else None
    with checking("the grant pack"):
        parsed = parse_grant_pack(pack)
    with transaction.atomic():
        patient = patient_locked(person_id)
        if registration is not None:
            custody_set(patient, Patient.Custody.SELF)
            did_save(patient, row.organisation_id, *registration)
        return approval_save(row, body, signed, parsed)


def approval_save(row: AccessRequest, body: ConsentGranted, signed: SignedTx, pack: GrantPack) -> ConsentView:
    """Check an approval against everything known and keep it, in the caller's transaction."""
    request, artefact = request_document(row), pack.artefact
    _check_asker(request)
    did = _check_subject(row, body, signed)
    _check_answers(request, artefact, row)
    _check_body(body, pack, request)
    if body.custody != row.patient.custody or body.subject != did.did:
        raise Invalid("The consent must carry the subject's DID and its custody.")
    records = _check_records(row, request, pack)
    request_advance(row, lifecycle.Step.APPROVE, lifecycle.Actor.PATIENT)
    try:
        with transaction.atomic():
            grant = _save(row, body, signed, pack, records)
    except IntegrityError as error:
        raise Refused("This consent id was used before.", next="Sign a new consent.") from error
    outbox_queue(signed, subject=body.consent)
    payload = {"request_id": row.id, "consent_id": body.consent}
    feed_append(person_id=row.person_id, kind=FeedKind.CONSENT_SIGNED, once=body.consent, payload=payload)
    return consent_of(grant, ports.now_ms())


def _check_asker(request: Request) -> None:
    """Raises Refused when a clinician's credential was taken back, or ended, since they asked."""
    if not request.requester.credential:
        return
    registered = ClinicianDevice.objects.filter(did=request.requester.did, state=LedgerState.REGISTERED)
    if not registered.filter(valid_until__gt=ports.now_ms()).exists():
        raise Refused("Who asks holds no valid credential any more.", next="Refuse the request.")


def _repeated(row: AccessRequest, signed: SignedTx) -> ConsentView | None:
    """The consent that these very bytes made before, if they did for this request."""
    grant = Grant.objects.select_related("request").filter(request=row, tx_hash=tx_hash_hex(signed)).first()
    return consent_of(grant, ports.now_ms()) if grant else None


def _check_subject(row: AccessRequest, body: ConsentGranted, signed: SignedTx) -> PairwiseDid:
    did = PairwiseDid.objects.filter(patient=row.patient, organisation_id=row.organisation_id).first()
    if did is None or did.state == LedgerState.REJECTED or body.author != did.did:
        raise Invalid("The consent must be signed under the patient's DID with the requester's organisation.")
    check_signed_by(signed, keyset_from_json(did.keyset))
    return did


def _check_answers(request: Request, artefact: Artefact, row: AccessRequest) -> None:
    with checking("the artefact"):
        check_narrowing(request, artefact)
        if not any(text_matches(artefact, names) for names in organisation_names(row.organisation_id)):
            raise Invalid(
                "The consent's text is not the text of its artefact.", next="Show it again and sign."
            )


def organisation_names(organisation_id: uuid.UUID) -> list[dict[str, str]]:
    """The names under which a consent text may show the organisation, each as consent_text takes them."""
    organisation = organisation_by_id(organisation_id)
    assert organisation is not None
    names = [organisation.name, organisation.name_zh]
    return [{organisation.did: name} for name in names if name]


def _check_body(body: ConsentGranted, pack: GrantPack, request: Request) -> None:
    """Raises Invalid unless the transaction commits to exactly this opening."""
    artefact, salt = pack.artefact, b64u_decode(pack.salt, 32)
    expected = {
        "ledger": artefact.ledger,
        "consent": artefact.id,
        "subject": artefact.subject,
        "artefact": artefact_commitment(salt, artefact),
        "handles_root": grant_handles_root(salt, artefact.records),
        "handles": len(artefact.records),
        "requester": requester_commitment(salt, artefact.requester.did),
        "organisation": organisation_commitment(salt, artefact.requester.organisation),
        "access_key": request.access_key,
        "valid_from": artefact.valid_from,
        "valid_until": artefact.valid_until,
        "max_opens": artefact.max_opens,
        "erase_at": artefact.erase_at,
    }
    for name, value in expected.items():
        if getattr(body, name) != value:
            raise Invalid(f"ConsentGranted's {name} is not that of its artefact.", next="Sign it again.")
    now = ports.now_ms()
    if body.valid_from > now + MAX_START_SKEW_MS or body.valid_until <= now:
        raise Invalid("The consent must begin now and end later.", next="Check the device's clock.")
    if (pack.sealed.suite, pack.sealed.key) != (request.seal_key.suite, request.seal_key.id):
        raise Invalid("The grant key must be sealed to the request's sealing key.")


def _check_records(row: AccessRequest, request: Request, pack: GrantPack) -> dict[str, Record]:
    """The records of the artefact by id. Raises Invalid for one not offered, or wrapped at an old epoch."""
    offered = {record.id: record for record in records_offered(row.patient_id, request)}
    with checking("the artefact's records"):
        check_records(pack.artefact, [record_facts(record) for record in offered.values()])
    for wrap in pack.wraps:
        if wrap.epoch != offered[wrap.record].epoch:
            raise Invalid("A wrap is of another key epoch than its record.", next="Load the request again.")
    return {record_id: offered[record_id] for record_id in pack.artefact.records}


def _save(
    row: AccessRequest,
    body: ConsentGranted,
    signed: SignedTx,
    pack: GrantPack,
    records: dict[str, Record],
) -> Grant:
    grant = Grant.objects.create(
        consent_id=body.consent,
        request=row,
        patient=row.patient,
        subject=body.subject,
        artefact=artefact_bytes(pack.artefact).decode(),
        salt=pack.salt,
        sealed=msgspec.to_builtins(pack.sealed),
        valid_from=body.valid_from,
        valid_until=body.valid_until,
        max_opens=body.max_opens,
        custody=body.custody,
        tx_hash=tx_hash_hex(signed),
        created_at=ports.now_ms(),
    )
    handles = ordered_handles(b64u_decode(pack.salt, 32), pack.artefact.records)
    GrantWrap.objects.bulk_create(
        GrantWrap(
            grant=grant,
            record=records[wrap.record],
            index=handled.index,
            epoch=wrap.epoch,
            manifest=records[wrap.record].manifest,
            handle=b64u_encode(handled.handle),
            wrap_hash=b64u_encode(wrap_hash_of(wrap)),
            wrap=wrap.wrap,
        )
        for wrap, handled in zip(pack.wraps, handles, strict=True)
    )
    return grant
