"""Rows to the door's values: how each row reads to the outside."""

import json
import uuid
from collections.abc import Iterable

from accounts.api import Organisation, organisation_by_id, organisations
from wallet.codes import code_shown
from wallet.errors import NotFound
from wallet.models import AccessRequest, Consent, Grant, PairwiseDid, Record
from wallet.shapes import ConsentView, OrganisationRef, PatientOrganisation, RecordView, RequestView

Organisations = dict[uuid.UUID, OrganisationRef]


def organisation_ref(organisation: Organisation) -> OrganisationRef:
    """The organisation as pages name it."""
    return OrganisationRef(
        organisation_id=organisation.id,
        did=organisation.did,
        name=organisation.name,
        name_zh=organisation.name_zh,
        kind=organisation.kind,
    )


def organisation_view(organisation_id: uuid.UUID) -> OrganisationRef:
    """One organisation by its id. Raises NotFound."""
    found = organisation_by_id(organisation_id)
    if found is None:
        raise NotFound("There is no such organisation.")
    return organisation_ref(found)


def all_organisations() -> Organisations:
    """Every organisation by id: read once for a list of rows."""
    return {organisation.id: organisation_ref(organisation) for organisation in organisations()}


def did_view(organisation: OrganisationRef, did: PairwiseDid | None, waiting: int = 0) -> PatientOrganisation:
    return PatientOrganisation(
        organisation=organisation,
        did=did.did if did else "",
        state=str(did.state) if did else "none",
        keyset=did.keyset if did else None,
        records_waiting=waiting,
    )


def record_view(record: Record, known: Organisations | None = None) -> RecordView:
    source = known[record.source_id] if known else organisation_view(record.source_id)
    return RecordView(
        record_id=record.id,
        source=source,
        type=record.type,
        label=record.label,
        group=record.group,
        period_start=record.period_start,
        period_end=record.period_end,
        size=record.size,
        version=record.version,
        epoch=record.epoch,
        manifest=record.manifest,
        state=str(record.state),
        reason=record.reason,
        answer=str(record.answer),
        created_at=record.created_at,
    )


def record_views(records: Iterable[Record]) -> list[RecordView]:
    known = all_organisations()
    return [record_view(record, known) for record in records]


def request_view(request: AccessRequest, now: int, known: Organisations | None = None) -> RequestView:
    """A request as lists show it; one whose time is over reads `expired` before the timer says so."""
    document = json.loads(request.document)
    over = request.state == AccessRequest.State.REQUESTED and request.expires_at <= now
    grant = getattr(request, "grant", None)
    return RequestView(
        request_id=request.id,
        state=str(AccessRequest.State.EXPIRED if over else request.state),
        document=document,
        patient_code=code_shown(request.patient.code),
        requester_name=document["requester"]["name"],
        requester_role=document["requester"]["role"],
        organisation=known[request.organisation_id] if known else organisation_view(request.organisation_id),
        consent_id=grant.consent_id if grant else "",
        created_at=request.created_at,
        expires_at=request.expires_at,
    )


def request_views(requests: Iterable[AccessRequest], now: int) -> list[RequestView]:
    known = all_organisations()
    return [request_view(request, now, known) for request in requests]


def consent_view(
    grant: Grant, now: int, mirror: Consent | None, known: Organisations | None = None
) -> ConsentView:
    """A consent as both sides see it; one whose time is over reads `expired` before the timer says so."""
    artefact = json.loads(grant.artefact)
    live = grant.state in (Grant.State.SIGNED, Grant.State.ACTIVE)
    organisation_id = grant.request.organisation_id
    return ConsentView(
        consent_id=grant.consent_id,
        request_id=grant.request_id,
        state=str(Grant.State.EXPIRED if live and grant.valid_until <= now else grant.state),
        reason=grant.reason,
        subject=grant.subject,
        requester_name=artefact["requester"]["name"],
        requester_role=artefact["requester"]["role"],
        organisation=known[organisation_id] if known else organisation_view(organisation_id),
        purpose=artefact["purpose"],
        types=artefact["types"],
        record_count=len(artefact["records"]),
        valid_from=grant.valid_from,
        valid_until=grant.valid_until,
        max_opens=grant.max_opens,
        opens=mirror.opens if mirror else 0,
        custody=grant.custody,
        tx_hash=grant.tx_hash if mirror else "",
        height=mirror.height if mirror else 0,
    )


def consent_views(grants: Iterable[Grant], now: int) -> list[ConsentView]:
    """Active ones first, then the newest."""
    found, known = list(grants), all_organisations()
    mirrors = Consent.objects.in_bulk([grant.consent_id for grant in found])
    views = [consent_view(grant, now, mirrors.get(grant.consent_id), known) for grant in found]
    return sorted(views, key=lambda view: (view.state != Grant.State.ACTIVE, -view.valid_from))


def consent_of(grant: Grant, now: int) -> ConsentView:
    """One consent with its mirror."""
    return consent_view(grant, now, Consent.objects.filter(consent_id=grant.consent_id).first())
