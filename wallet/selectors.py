"""Reads for pages and APIs: every one is scoped to the person or organisation that asks."""

import json
import uuid
from functools import lru_cache
from typing import Any

from django.db.models import Count, Q, QuerySet

from wallet import ports
from wallet.codes import code_read, code_shown
from wallet.core.narrow import RecordFacts, within_days
from wallet.core.request import Request, parse_request
from wallet.errors import NotFound, Refused
from wallet.models import (
    AccessEvent,
    AccessRequest,
    ClinicianDevice,
    Grant,
    GrantWrap,
    OrganisationKeys,
    PairwiseDid,
    Patient,
    PatientIdentifier,
    Record,
)
from wallet.models.keys import LedgerState
from wallet.shapes import (
    AccessView,
    ConsentView,
    GrantDetail,
    GrantedRecord,
    NewRecords,
    OrganisationRef,
    PatientProfile,
    RecordOffer,
    RecordView,
    RequestDetail,
    RequestView,
    UploadView,
)
from wallet.shaping import (
    all_organisations,
    consent_of,
    consent_views,
    did_view,
    record_view,
    record_views,
    request_view,
    request_views,
)
from wallet.translate import asking_ledger


def organisations_active() -> list[OrganisationRef]:
    """Organisations registered on the ledger, by name."""
    known = all_organisations()
    active = OrganisationKeys.objects.filter(state=LedgerState.REGISTERED).values_list("pk", flat=True)
    return sorted((known[pk] for pk in active if pk in known), key=lambda organisation: organisation.name)


def patient_or_refuse(person_id: uuid.UUID) -> Patient:
    """The patient's row. Raises NotFound when the person is not enrolled as a patient."""
    patient = Patient.objects.filter(person_id=person_id).first()
    if patient is None:
        raise NotFound("There is no such patient.")
    return patient


def patient_profile(*, person_id: uuid.UUID) -> PatientProfile:
    """The patient's own profile; `organisations` lists every active one, with or without a DID.

    Raises NotFound when the person is not enrolled as a patient.
    """
    patient = patient_or_refuse(person_id)
    dids = {did.organisation_id: did for did in PairwiseDid.objects.filter(patient=patient)}
    waiting = Record.objects.filter(patient=patient, state=Record.State.AWAITING_KEY).values("source_id")
    counts = {row["source_id"]: row["n"] for row in waiting.annotate(n=Count("id"))}
    return PatientProfile(
        person_id=patient.person_id,
        code=code_shown(patient.code),
        ledger=ports.chain_id(),
        custody=patient.custody,
        emergency=patient.emergency,
        organisations=[
            did_view(item, dids.get(item.organisation_id), counts.get(item.organisation_id, 0))
            for item in organisations_active()
        ],
    )


def patient_find_by_code(*, code: str) -> uuid.UUID | None:
    """Whose code this is: any case, with or without dash; O reads as 0, I and L as 1."""
    read = code_read(code)
    return Patient.objects.filter(code=read).values_list("person_id", flat=True).first() if read else None


def patient_find_by_identifier(*, organisation_id: uuid.UUID, system: str, value: str) -> uuid.UUID | None:
    """Whom this organisation knows by this identifier."""
    known = PatientIdentifier.objects.filter(organisation_id=organisation_id, system=system, value=value)
    return known.values_list("patient_id", flat=True).first()


def patient_code(*, person_id: uuid.UUID) -> str:
    """The patient's code as `XXXX-XXXX`. Raises NotFound."""
    return code_shown(patient_or_refuse(person_id).code)


def records_for_patient(*, person_id: uuid.UUID) -> list[RecordView]:
    """All records of the patient, newest period first."""
    mine = Record.objects.filter(patient_id=person_id)
    return record_views(mine.order_by("-period_end", "-period_start", "type", "id"))


def records_new(*, person_id: uuid.UUID) -> list[NewRecords]:
    """What waits for the patient's word, by source in the order of names, newest period first."""
    waiting = Record.objects.filter(
        patient_id=person_id, state=Record.State.ANCHORED, answer=Record.Answer.NONE
    )
    grouped: dict[tuple[uuid.UUID, str], list[Record]] = {}
    for record in waiting.order_by("-period_end", "-period_start", "type", "id"):
        grouped.setdefault((record.source_id, record.recipient), []).append(record)
    known = all_organisations()
    found = [
        NewRecords(
            source=known[source_id],
            subject=recipient,
            records=[record_view(record, known) for record in records],
            anchors=[record.anchor for record in records],
        )
        for (source_id, recipient), records in grouped.items()
    ]
    return sorted(found, key=lambda each: (each.source.name, each.subject))


def uploads_for_organisation(*, organisation_id: uuid.UUID, limit: int = 100) -> list[UploadView]:
    """The latest records that the organisation sent, newest first."""
    sent = Record.objects.filter(source_id=organisation_id).select_related("patient")
    known = all_organisations()
    return [
        UploadView(record=record_view(record, known), patient_code=code_shown(record.patient.code))
        for record in sent.order_by("-created_at", "id")[:limit]
    ]


def requests_for_patient(*, person_id: uuid.UUID) -> list[RequestView]:
    """Requests to the patient, newest first; those past `expires_at` read `expired`."""
    return _requests(Q(patient_id=person_id))


def requests_for_requester(*, person_id: uuid.UUID) -> list[RequestView]:
    """Requests that this person made, newest first."""
    return _requests(Q(person_id=person_id))


def requests_for_organisation(*, organisation_id: uuid.UUID) -> list[RequestView]:
    """Requests made in the organisation's own name, newest first."""
    return _requests(Q(organisation_id=organisation_id, access_secret__isnull=False))


def request_detail_for_patient(*, person_id: uuid.UUID, request_id: str) -> RequestDetail:
    """One request with everything a phone needs to check and answer it. Raises NotFound, LedgerDown."""
    row = patient_request(person_id, request_id)
    now = ports.now_ms()
    request = parse_request(json.loads(row.document))
    view = request_view(row, now)
    keys = OrganisationKeys.objects.get(organisation_id=row.organisation_id)
    device = ClinicianDevice.objects.filter(did=request.requester.did).first()
    did = PairwiseDid.objects.filter(patient_id=person_id, organisation_id=row.organisation_id).first()
    known = all_organisations()
    return RequestDetail(
        request=view,
        signature=row.signature,
        credential=request.requester.credential,
        organisation_proof=ledger_proof(tx_hash=keys.registration_tx),
        clinician_proof=ledger_proof(tx_hash=device.registration_tx) if device else None,
        subject=did_view(view.organisation, did),
        records=[
            RecordOffer(
                record=record_view(record, known), recipient=record.recipient, envelope=record.envelope or {}
            )
            for record in records_offered(row.patient_id, request)
        ],
        server_time=now,
    )


def patient_request(person_id: uuid.UUID, request_id: str) -> AccessRequest:
    """A request to this patient. Raises NotFound, for another's as for none."""
    row = AccessRequest.objects.select_related("patient").filter(id=request_id, patient_id=person_id).first()
    if row is None:
        raise NotFound("There is no such request.")
    return row


def records_offered(patient_id: uuid.UUID, request: Request) -> list[Record]:
    """The patient's anchored records that a request's types and dates cover."""
    matching = Record.objects.filter(
        patient_id=patient_id, state=Record.State.ANCHORED, type__in=request.types
    )
    in_order = matching.order_by("type", "-period_end", "id")
    return [record for record in in_order if within_days(record_facts(record), request.dates)]


def record_facts(record: Record) -> RecordFacts:
    """What the rules may know of a record without opening it."""
    return RecordFacts(
        record=record.id,
        type=record.type,
        label=record.label,
        start=record.period_start,
        end=record.period_end,
    )


def consents_for_patient(*, person_id: uuid.UUID) -> list[ConsentView]:
    """The patient's consents, active first."""
    return _consents(Q(patient_id=person_id))


def consents_for_requester(*, person_id: uuid.UUID) -> list[ConsentView]:
    """Consents given to this person's requests, active first."""
    return _consents(Q(request__person_id=person_id))


def consents_for_organisation(*, organisation_id: uuid.UUID) -> list[ConsentView]:
    """Consents given to requests in the organisation's own name, active first."""
    return _consents(Q(request__organisation_id=organisation_id, request__access_secret__isnull=False))


def grant_for_requester(*, person_id: uuid.UUID, consent_id: str) -> GrantDetail:
    """The opening, the records' metadata and the wraps' hashes, for the requester only; no key.

    Raises NotFound (another's), Refused (not active: still signed, or ended).
    """
    grant = requester_grant(person_id, consent_id)
    now = ports.now_ms()
    consent = consent_of(grant, now)
    if consent.state != Grant.State.ACTIVE:
        raise Refused(f"The consent is not active: {consent.state}.")
    known = all_organisations()
    return GrantDetail(
        consent=consent,
        artefact=json.loads(grant.artefact),
        salt=grant.salt,
        records=[
            GrantedRecord(
                record=record_view(wrap.record, known),
                index=wrap.index,
                handle=wrap.handle,
                wrap_hash=wrap.wrap_hash,
                epoch=wrap.epoch,
            )
            for wrap in grant.wraps.select_related("record")
        ],
        server_time=now,
    )


def requester_grant(person_id: uuid.UUID, consent_id: str) -> Grant:
    """A grant to this person's request. Raises NotFound, for another's as for none."""
    grants = Grant.objects.select_related("request", "patient")
    grant = grants.filter(consent_id=consent_id, request__person_id=person_id).first()
    if grant is None:
        raise NotFound("There is no such consent.")
    return grant


def who_looked(*, person_id: uuid.UUID, limit: int = 200) -> list[AccessView]:
    """Every committed act of opening of the patient's records, newest first."""
    grants = {
        grant.consent_id: grant
        for grant in Grant.objects.select_related("request").filter(patient_id=person_id)
    }
    events = list(AccessEvent.objects.filter(consent_id__in=grants)[:limit])
    records = _records_by_handle({event.consent_id for event in events})
    known = all_organisations()
    return [_access_view(event, grants[event.consent_id], records, known) for event in events]


@lru_cache(maxsize=256)
def ledger_proof(*, tx_hash: str) -> dict[str, Any]:
    """The proof bundle of a committed transaction, for ledger/light.js. Raises NotFound, LedgerDown."""
    if not tx_hash:
        raise NotFound("The transaction is not committed yet.", next="Try again in a moment.")
    with asking_ledger():
        return ports.ledger().proof_bundle(tx_hash)


def ledger_state_proof(*, key: str) -> dict[str, Any]:
    """The proof of what the ledger's state holds under `key` now, for ledger/light.js. Raises LedgerDown."""
    with asking_ledger():
        return ports.ledger().state_bundle(key)


def ledger_light_block(*, source: int, height: int | None) -> dict[str, Any]:
    """What validator number `source` says its block of `height` is (None: its latest); nothing is checked.

    Phones check it. Raises NotFound (no such block or validator), LedgerDown.
    """
    with asking_ledger():
        return ports.ledger().light_block(source, height)


def _requests(which: Q) -> list[RequestView]:
    rows = AccessRequest.objects.select_related("patient", "grant").filter(which)
    return request_views(rows.order_by("-created_at", "id"), ports.now_ms())


def _consents(which: Q) -> list[ConsentView]:
    grants: QuerySet[Grant] = Grant.objects.select_related("request").filter(which)
    return consent_views(grants, ports.now_ms())


def _records_by_handle(consent_ids: set[str]) -> dict[tuple[str, str], Record]:
    wraps = GrantWrap.objects.select_related("record").filter(grant_id__in=consent_ids)
    return {(wrap.grant_id, wrap.handle): wrap.record for wrap in wraps}


def _access_view(
    event: AccessEvent,
    grant: Grant,
    records: dict[tuple[str, str], Record],
    known: dict[uuid.UUID, OrganisationRef],
) -> AccessView:
    artefact = json.loads(grant.artefact)
    keys = [(event.consent_id, handle) for handle in event.handles]
    opened = [records[key] for key in keys if key in records]
    return AccessView(
        tx_hash=event.tx_hash,
        height=event.height,
        at=max(event.at, event.issued_at),
        consent_id=event.consent_id,
        requester_name=artefact["requester"]["name"],
        requester_role=artefact["requester"]["role"],
        organisation=known[grant.request.organisation_id],
        purpose=artefact["purpose"],
        records=[record_view(record, known) for record in opened],
    )
