"""Approval and revocation for custodial patients: the service acts while their PIN is in the call.

What is signed goes through the same checks as a phone's approval; being ours, it is not trusted more.
"""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
from django.db import transaction

from accounts.api import organisation_by_id
from ledger.api import ConsentGranted, ConsentRevoked, b64u_decode, b64u_encode
from wallet import ports
from wallet.core.consent import (
    Artefact,
    Ceiling,
    Grantee,
    Locale,
    artefact_commitment,
    organisation_commitment,
    requester_commitment,
    with_text,
)
from wallet.core.envelope import SealingPublic
from wallet.core.grant import DataKey, build_grant, grant_handles_root
from wallet.core.narrow import RANK, Scope, fits, narrow, scope_of
from wallet.core.request import DateRange, Request, credential_hash, request_hash
from wallet.errors import Invalid, Refused
from wallet.models import AccessRequest, PairwiseDid, Record
from wallet.selectors import patient_or_refuse, patient_request, record_facts, records_offered
from wallet.services.approvals import approval_save
from wallet.services.custodial import OpenBundle, custodial_ensure_did, custodial_open
from wallet.services.patients import patient_locked
from wallet.services.records import open_with_custody
from wallet.services.requests import request_document
from wallet.services.revocation import patient_grant, revocation_save
from wallet.shapes import ConsentPreview, ConsentView, Narrowing
from wallet.shaping import record_views
from wallet.translate import checking
from wallet.wires import decode, new_id

_PREVIEW_MS = 30 * 60_000
_PREVIEW_SUBJECT = "did:salus:u" + "A" * 43


@dataclass(frozen=True)
class _Chosen:
    """What a narrowing leaves of a request: the unsigned artefact, its text, and its records."""

    request: Request
    artefact: Artefact
    text: str
    records: list[Record]


@dataclass(frozen=True)
class _Plan:
    """What goes into an artefact: the request, its narrowed scope, record ids, subject DID, start (ms)."""

    request: Request
    scope: Scope
    records: tuple[str, ...]
    subject: str
    start: int


def request_preview_custodial(
    *, person_id: uuid.UUID, request_id: str, narrowing: Narrowing, locale: str
) -> ConsentPreview:
    """The artefact and exact text that an approval with this narrowing would sign. Nothing is stored."""
    row = patient_request(person_id, request_id)
    did = PairwiseDid.objects.filter(patient=row.patient, organisation_id=row.organisation_id).first()
    chosen = _choose(row, did.did if did else _PREVIEW_SUBJECT, narrowing, locale)
    return ConsentPreview(
        artefact=msgspec.to_builtins(chosen.artefact),
        text=chosen.text,
        records=record_views(chosen.records),
    )


def request_approve_custodial(
    *, person_id: uuid.UUID, request_id: str, pin: str, narrowing: Narrowing, locale: str
) -> ConsentView:
    """Sign the consent for a custodial patient with keys that the PIN unwraps for this call only.

    Raises WrongFactor, FactorLocked, Invalid (the narrowing leaves nothing), Refused, NotFound.
    """
    row = patient_request(person_id, request_id)
    if row.state != AccessRequest.State.REQUESTED:
        raise Refused(f"This request is {row.state}.")
    bundle = custodial_open(patient=row.patient, pin=pin)
    did = custodial_ensure_did(bundle, row.organisation_id)
    chosen = _choose(row, did.did, narrowing, locale)
    grantee = chosen.request.seal_key
    salt = secrets.token_bytes(32)
    with checking("the grant"):
        pack = build_grant(
            chosen.artefact,
            [_data_key(record, bundle) for record in chosen.records],
            SealingPublic(id=grantee.id, suite=grantee.suite, public=b64u_decode(grantee.public)),
            salt=salt,
            grant_key=secrets.token_bytes(32),
            random=secrets.token_bytes,
        )
    wire = _sign_consent(bundle, row, chosen, salt)
    body, signed = decode(wire, ConsentGranted, ports.now_ms())
    with transaction.atomic():
        patient_locked(person_id)
        return approval_save(row, body, signed, pack)


def consent_revoke_custodial(*, person_id: uuid.UUID, consents: Sequence[str], pin: str) -> list[ConsentView]:
    """Sign and queue the revocation of these consents with the PIN.

    Raises WrongFactor, FactorLocked, NotFound, Refused (one has ended); then none is revoked.
    """
    grants = [patient_grant(person_id, consent_id) for consent_id in consents]
    bundle = custodial_open(patient=patient_or_refuse(person_id), pin=pin)
    with transaction.atomic():
        views = []
        for grant in grants:
            fields = {"consent": grant.consent_id, "subject": grant.subject}
            organisation_id = grant.request.organisation_id
            wire = bundle.sign_body(organisation_id, grant.subject, ConsentRevoked, **fields)
            views.append(revocation_save(person_id, wire))
    return views


def _choose(row: AccessRequest, subject: str, narrowing: Narrowing, locale: str) -> _Chosen:
    if narrowing.confidentiality not in RANK or locale not in ("en", "zh-Hans"):
        raise Invalid("The confidentiality must be N, R or V, and the locale en or zh-Hans.")
    request = request_document(row)
    with checking("the narrowing"):
        scope = narrow(scope_of(request), _wanted(request, narrowing))
    records = _records_left(row, request, scope, narrowing)
    if not records:
        raise Invalid("Nothing is left to share.", next="Refuse the request instead.")
    organisation = organisation_by_id(row.organisation_id)
    assert organisation is not None
    names = {organisation.did: organisation.name_in(locale.lower())}
    start = _start(narrowing, ports.now_ms())
    plan = _Plan(request, scope, tuple(sorted(record.id for record in records)), subject, start)
    with checking("the artefact"):
        artefact, text = with_text(_artefact(plan, narrowing, locale), names)
    if narrowing.text not in (None, artefact.text):
        raise Invalid("What was shown is not what would be signed.", next="Read the consent again.")
    return _Chosen(request, artefact, text, records)


def _records_left(row: AccessRequest, request: Request, scope: Scope, narrowing: Narrowing) -> list[Record]:
    ceiling = cast(Ceiling, narrowing.confidentiality)
    return [
        record
        for record in records_offered(row.patient_id, request)
        if fits(record_facts(record), scope.types, scope.dates, ceiling)
        and (narrowing.records is None or record.id in narrowing.records)
    ]


def _artefact(plan: _Plan, narrowing: Narrowing, locale: str) -> Artefact:
    """The artefact without the hash of its text."""
    request, scope = plan.request, plan.scope
    until = plan.start + scope.duration_s * 1000
    return Artefact(
        version=1,
        ledger=request.ledger,
        id=new_id(),
        subject=plan.subject,
        requester=_grantee(request),
        purpose=request.purpose,
        types=scope.types,
        records=plan.records,
        dates=scope.dates,
        mode=scope.mode,
        valid_from=plan.start,
        valid_until=until,
        erase_at=until,
        max_opens=0,
        confidentiality=cast(Ceiling, narrowing.confidentiality),
        delegate=None,
        locale=cast(Locale, locale),
        text=b64u_encode(bytes(32)),
        request=b64u_encode(request_hash(request)),
        nonce=new_id(),
    )


def _start(narrowing: Narrowing, now: int) -> int:
    """When the consent begins: what the preview showed, if that was just now."""
    if narrowing.valid_from is None:
        return now
    if not now - _PREVIEW_MS <= narrowing.valid_from <= now:
        raise Invalid("The preview is too old.", next="Read the consent again.")
    return narrowing.valid_from


def _wanted(request: Request, narrowing: Narrowing) -> Scope:
    asked = scope_of(request)
    return Scope(
        types=asked.types if narrowing.types is None else tuple(narrowing.types),
        dates=DateRange(start=narrowing.date_from, end=narrowing.date_to),
        duration_s=asked.duration_s if narrowing.duration_s is None else narrowing.duration_s,
        mode=asked.mode,
    )


def _grantee(request: Request) -> Grantee:
    asker = request.requester
    return Grantee(
        did=asker.did,
        organisation=asker.organisation,
        credential=credential_hash(asker.credential),
        name=asker.name,
        role=asker.role,
    )


def _data_key(record: Record, bundle: OpenBundle) -> DataKey:
    key = open_with_custody(record, bundle.sealing_key(record.source_id))
    return DataKey(record=record.id, epoch=record.epoch, key=key)


def _sign_consent(bundle: OpenBundle, row: AccessRequest, chosen: _Chosen, salt: bytes) -> bytes:
    artefact = chosen.artefact
    return bundle.sign_body(
        row.organisation_id,
        artefact.subject,
        ConsentGranted,
        consent=artefact.id,
        subject=artefact.subject,
        artefact=artefact_commitment(salt, artefact),
        handles_root=grant_handles_root(salt, artefact.records),
        handles=len(artefact.records),
        requester=requester_commitment(salt, artefact.requester.did),
        organisation=organisation_commitment(salt, artefact.requester.organisation),
        access_key=chosen.request.access_key,
        valid_from=artefact.valid_from,
        valid_until=artefact.valid_until,
        max_opens=artefact.max_opens,
        erase_at=artefact.erase_at,
        custody="custodial",
    )
