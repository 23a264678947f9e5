"""FHIR in: parse, match the patient, cut into records, hand them to the wallet.

Whatever is wrong is found before anything is stored; one patient's records are stored together or not at
all. The same bytes from the same source make nothing new.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from interop.fhir.outcome import Issue, Refused, refuse
from interop.fhir.parse import BUNDLE_TYPES, Submission, parse
from interop.fhir.patients import FHIR_ID_SYSTEM, Belonging, by_patient
from interop.fhir.split import Piece, split
from interop.services.matching import patient_match
from interop.services.storing import records_store, source_did
from wallet import api as wallet


@dataclass(frozen=True)
class Taken:
    """A resource that is now held. `new` is False when its bytes were here before."""

    place: str
    reference: str
    new: bool


@dataclass(frozen=True)
class IngestResult:
    """What became of a submission.

    `order` lists every entry's place as sent; each is in `taken` or, in a batch, in `refused`.
    `records` counts the records that hold them, `states` the distinct states they are in.
    """

    kind: str
    order: tuple[str, ...]
    taken: tuple[Taken, ...]
    refused: tuple[tuple[str, tuple[Issue, ...]], ...]
    records: int
    states: tuple[str, ...]


@dataclass(frozen=True)
class _Plan:
    person_id: uuid.UUID
    belonging: Belonging
    pieces: tuple[Piece, ...]


def ingest_fhir(
    *,
    organisation_id: uuid.UUID,
    data: bytes,
    patient_code: str | None = None,
    kinds: Collection[str] = (*BUNDLE_TYPES, "single"),
    resource_type: str | None = None,
    dry_run: bool = False,
) -> IngestResult:
    """Take a FHIR R4 JSON resource or Bundle from an organisation.

    `kinds` are the kinds of submission that fit the occasion; `resource_type` the one type that does.
    `dry_run` checks everything, patient matching included, and stores nothing. Raises Refused (the sender's
    fault, with every place), and wallet's StorageDown or KeyUnavailable. Not inside a database transaction.
    """
    submission = parse(data, source=source_did(organisation_id))
    _check_fits(submission, kinds, resource_type)
    plans, unmatched = _plans(organisation_id, submission, patient_code)
    taken: list[Taken] = []
    records: list[wallet.IngestedRecord] = []
    for plan in plans:
        stored = (
            [] if dry_run else records_store(organisation_id, plan.person_id, [_part(p) for p in plan.pieces])
        )
        records += stored
        taken += _taken(plan, stored)
        if not dry_run:
            _remember_fhir_id(organisation_id, plan)
    count = sum(len(plan.pieces) for plan in plans)
    states = tuple(sorted({record.state for record in records}))
    refused = (*submission.refused, *unmatched)
    return IngestResult(submission.kind, submission.order, tuple(taken), refused, count, states)


def _check_fits(submission: Submission, kinds: Collection[str], resource_type: str | None) -> None:
    if submission.kind not in kinds:
        at = "" if submission.kind == "single" else "Bundle.type"
        raise refuse("not-supported", f"expected here: {', '.join(kinds)}", at)
    if resource_type and any(e.resource["resourceType"] != resource_type for e in submission.entries):
        raise refuse("invalid", f"expected {resource_type}", "resourceType")


def _plans(
    organisation_id: uuid.UUID, submission: Submission, patient_code: str | None
) -> tuple[list[_Plan], list[tuple[str, tuple[Issue, ...]]]]:
    """What to store for each patient; in a batch, a patient who matches nobody stops only their entries."""
    plans, unmatched = [], []
    for belonging in by_patient(submission):
        try:
            plans.append(_plan(organisation_id, submission, belonging, patient_code))
        except Refused as error:
            if submission.kind != "batch":
                raise
            unmatched += [(entry.place, error.issues) for entry in belonging.entries]
    return plans, unmatched


def _plan(
    organisation_id: uuid.UUID, submission: Submission, belonging: Belonging, patient_code: str | None
) -> _Plan:
    place = next(
        (e.place for e in belonging.entries if e.resource["resourceType"] == "Patient"),
        belonging.entries[0].place,
    )
    person_id = patient_match(
        organisation_id=organisation_id,
        identifiers=belonging.identifiers,
        patient_code=patient_code,
        place=place,
    )
    return _Plan(person_id, belonging, split(belonging.entries, submission.security))


def _part(piece: Piece) -> wallet.RecordPart:
    return wallet.RecordPart(
        type=piece.type,
        label=piece.label,
        group=piece.group,
        period_start=piece.period_start,
        period_end=piece.period_end,
        content=piece.content,
    )


def _taken(plan: _Plan, stored: Sequence[wallet.IngestedRecord]) -> list[Taken]:
    new = {
        reference
        for piece, record in zip(plan.pieces, stored, strict=False)
        if not record.duplicate
        for reference in piece.holds
    }
    return [Taken(entry.place, entry.reference, entry.reference in new) for entry in plan.belonging.entries]


def _remember_fhir_id(organisation_id: uuid.UUID, plan: _Plan) -> None:
    """Let later resources that only say `Patient/<id>` find this patient."""
    for entry in plan.belonging.entries:
        if entry.resource["resourceType"] == "Patient":
            known_as = wallet.Identifier(
                organisation_id=organisation_id,
                system=FHIR_ID_SYSTEM,
                value=f"urn:uuid:{entry.resource['id']}",
            )
            try:
                wallet.patient_enrol(person_id=plan.person_id, identifiers=[known_as])
            except wallet.Refused as error:
                raise Refused([Issue("conflict", error.message, f"{entry.place}.id")], 409) from error
