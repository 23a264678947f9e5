"""Fill the demo: organisations on the ledger, people, records, sign-in links. Repeating it adds nothing."""

import io
import json
import threading
import time
from datetime import date, timedelta
from pathlib import Path

import msgspec
from django.conf import settings
from django.utils import timezone

from accounts.api import (
    Organisation,
    Person,
    organisation_by_slug,
    organisation_ensure,
    person_ensure,
    sign_in_link_create,
    sign_in_links_sweep,
)
from interop.api import ingest_dicom, ingest_fhir
from salus.demo.cast import AUTHORITY, ORGANISATIONS, PATIENTS, REGION, STAFF, DemoPatient, DemoPerson
from salus.demo.records import (
    DemoSource,
    Subject,
    ct_series,
    hospital_bundle,
    member_identifier,
    mrn,
    subject_for,
)
from wallet.api import Identifier, organisation_create, patient_enrol, run_background

# Histories end on a fixed day, so that a second start finds the same bytes and stores nothing twice.
UNTIL = date(2026, 9, 30)
# FHIR decimals keep their digits: 7.20 stays 7.20.
FHIR_JSON = msgspec.json.Encoder(decimal_format="number")
LINKS_VALID_FOR = timedelta(days=7)
INSURER = "evergreen"


def _say(text: str) -> None:
    print(f"           {text}", flush=True)


def _organisations() -> None:
    for member in (*ORGANISATIONS, AUTHORITY):
        organisation = organisation_ensure(
            slug=member.slug, name=member.name, name_zh=member.name_zh, kind=member.kind, region=REGION
        )
        organisation_create(organisation_id=organisation.id)
    _say(f"consortium: {len(ORGANISATIONS) + 1} organisations on the ledger")


def _person(person: DemoPerson) -> Person:
    return person_ensure(
        handle=person.handle,
        name=person.name,
        name_zh=person.name_zh,
        role=person.role,
        title=person.title,
        organisation=organisation_by_slug(person.organisation) if person.organisation else None,
        language=person.language,
        time_zone=person.time_zone,
    )


def _organisation(slug: str) -> Organisation:
    organisation = organisation_by_slug(slug)
    if organisation is None:
        raise LookupError(f"the demo has no organisation {slug!r}")
    return organisation


def _enrol(patient: DemoPatient, subject: Subject, sources: list[DemoSource]) -> None:
    person = _person(patient.person)
    known = [(source.slug, mrn(subject, source)) for source in sources]
    known.append((INSURER, member_identifier(subject, INSURER)))
    patient_enrol(
        person_id=person.id,
        identifiers=[
            Identifier(organisation_id=_organisation(slug).id, system=system, value=value)
            for slug, (system, value) in known
        ],
    )


def _load(patient: DemoPatient, subject: Subject, sources: list[DemoSource]) -> int:
    records = 0
    for number, source in enumerate(sources):
        organisation = _organisation(source.slug)
        bundle = FHIR_JSON.encode(hospital_bundle(subject, source, until=UNTIL))
        records += ingest_fhir(organisation_id=organisation.id, data=bundle).records
        if number == 0:
            files = map(io.BytesIO, ct_series(subject, source, until=UNTIL))
            records += len(ingest_dicom(organisation_id=organisation.id, files=files).records)
    return records


def _patients() -> None:
    by_slug = {member.slug: member for member in ORGANISATIONS}
    for patient in PATIENTS:
        subject = subject_for(
            handle=patient.person.handle,
            name=patient.person.name,
            name_zh=patient.person.name_zh,
            seed=patient.seed,
        )
        members = [by_slug[slug] for slug in patient.sources]
        sources = [DemoSource(slug=m.slug, name=m.name, name_zh=m.name_zh) for m in members]
        _enrol(patient, subject, sources)
        started = time.monotonic()
        records = _load(patient, subject, sources)
        _say(
            f"{patient.person.name}: {records} records from {len(sources)} hospitals "
            f"({time.monotonic() - started:.1f} s)"
        )


def _who(person: Person) -> str:
    where = f", {person.organisation.name}" if person.organisation else ""
    return f"{person.name} ({person.title.lower() or person.role}{where})"


def _links(home: Path) -> None:
    """Fresh links at every start; the file is readable by its owner only."""
    now = timezone.now()
    sign_in_links_sweep(now=now)
    entries = []
    for member in (*(p.person for p in PATIENTS), *STAFF):
        person = _person(member)
        token = sign_in_link_create(person=person, now=now, valid_for=LINKS_VALID_FOR, uses=None)
        entries.append({"handle": person.handle, "who": _who(person), "token": token})
    path = home / "links.json"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(entries, indent=1))


def provision() -> int:
    """Run every step with the outbox and the projector beside it. Returns the exit code."""
    stop = threading.Event()
    background = threading.Thread(target=run_background, args=(stop,), daemon=True)
    background.start()
    try:
        _organisations()
        for member in STAFF:
            _person(member)
        _patients()
        _links(settings.SALUS_HOME)
    finally:
        stop.set()
        background.join(5)
    return 0
