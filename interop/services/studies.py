"""DICOM files in: the files of one study in one submission become one record.

Rules
- Every file is checked on its own; one that is refused does not stop the others.
- Nothing is stored before the whole submission has been read.
- A file that this source sent for this patient before is not stored again, whatever came with it; what is
  new of a study becomes one further record of the same group.
- Two different files with one SOP Instance UID cannot be in one submission: the second is refused.
- A study whose files name different patients is refused: one of them is wrong, and we cannot know which.
"""

import tempfile
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.crypto import salted_hmac

from interop.dicom.archive import MAX_MEMBER, Member, write_archive
from interop.dicom.parse import DicomObject, parse_dicom
from interop.dicom.spool import Kept, Spool
from interop.fhir.outcome import Issue, Refused, refuse
from interop.models import HeldInstance
from interop.services.matching import patient_match
from interop.services.storing import records_store, source_did
from wallet import api as wallet

_AT_ONCE = 500


@dataclass(frozen=True)
class Instance:
    """What became of one file. `found` is None when it could not be read; with `issues` it was refused.

    `new` is False when it was refused or had been here before.
    """

    found: DicomObject | None
    new: bool = False
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True)
class DicomResult:
    """Every file of the submission in the order sent, and the records made (one per study with new files)."""

    instances: tuple[Instance, ...]
    records: tuple[wallet.IngestedRecord, ...]


@dataclass(frozen=True)
class _Good:
    """A file that passed; `index` is its place in the submission."""

    index: int
    found: DicomObject
    kept: Kept
    person_id: uuid.UUID

    @property
    def digest(self) -> str:
        """Equal for equal bytes of one patient; without the service's key it tells nothing."""
        text = f"{self.person_id}/{self.kept.sha256}"
        return salted_hmac("salus.interop.held-instance", text, algorithm="sha256").hexdigest()


@dataclass
class _Submission:
    """Files of one submission as they are read. `verdicts` has one entry per file."""

    organisation_id: uuid.UUID
    patient_code: str | None
    study_uid: str
    spool: Spool
    verdicts: list[Instance] = field(default_factory=list)
    good: list[_Good] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)

    def take(self, file: BinaryIO) -> None:
        """Keep the file, or say why not."""
        kept, found = self.spool.add(file), None
        try:
            with self.spool.open(kept) as copy:
                found = parse_dicom(copy)
            person_id = self._check(found, kept)
        except Refused as error:
            self.spool.drop(kept)
            self.verdicts.append(Instance(found, issues=error.issues))
            return
        if found.sop_instance_uid not in self.seen:
            self.seen[found.sop_instance_uid] = kept.sha256
            self.good.append(_Good(len(self.verdicts), found, kept, person_id))
        self.verdicts.append(Instance(found))

    def _check(self, found: DicomObject, kept: Kept) -> uuid.UUID:
        if self.study_uid and found.study_uid != self.study_uid:
            raise refuse("conflict", "belongs to another study", "(0020,000D) StudyInstanceUID")
        if kept.size > MAX_MEMBER:
            raise refuse("too-long", f"expected at most {MAX_MEMBER} bytes")
        if self.seen.get(found.sop_instance_uid, kept.sha256) != kept.sha256:
            raise refuse("conflict", "sent twice with different bytes", "(0008,0018) SOPInstanceUID")
        return patient_match(
            organisation_id=self.organisation_id,
            identifiers=found.patient_identifiers,
            patient_code=self.patient_code,
            place="(0010,0020) PatientID",
        )


def ingest_dicom(
    *,
    organisation_id: uuid.UUID,
    files: Iterable[BinaryIO],
    patient_code: str | None = None,
    study_uid: str = "",
    dry_run: bool = False,
) -> DicomResult:
    """Take DICOM files (PS3.10), kept byte for byte; each may be closed once the next is asked for.

    With `study_uid`, an instance of another study is refused. In a dry run, what would be stored is `new`.
    Raises Refused (the organisation is not registered), StorageDown, KeyUnavailable: sending all again is
    safe. Memory stays bounded whatever the size; the disk under SALUS_HOME takes the submission twice.
    """
    source_did(organisation_id)
    with Spool(_spool_folder()) as spool:
        submission = _Submission(organisation_id, patient_code, study_uid, spool)
        for file in files:
            submission.take(file)
        records = []
        for study in _studies(submission):
            fresh = _fresh(organisation_id, study)
            if fresh and not dry_run:
                records.append(_store(submission, fresh))
            for one in fresh:
                submission.verdicts[one.index] = replace(submission.verdicts[one.index], new=True)
    return DicomResult(tuple(submission.verdicts), tuple(records))


def _spool_folder() -> Path:
    return Path(settings.SALUS_HOME) / "spool"


def _studies(submission: _Submission) -> list[list[_Good]]:
    """The files by study, without the studies that name several patients."""
    by_uid: dict[str, list[_Good]] = {}
    for one in submission.good:
        by_uid.setdefault(one.found.study_uid, []).append(one)
    for uid, study in list(by_uid.items()):
        if len({one.person_id for one in study}) > 1:
            issue = Issue(
                "conflict", "the files of this study name different patients", "(0010,0020) PatientID"
            )
            for one in study:
                submission.verdicts[one.index] = Instance(one.found, issues=(issue,))
            del by_uid[uid]
    return list(by_uid.values())


def _fresh(organisation_id: uuid.UUID, study: Sequence[_Good]) -> list[_Good]:
    held: set[str] = set()
    digests = [one.digest for one in study]
    for at in range(0, len(digests), _AT_ONCE):
        rows = HeldInstance.objects.filter(
            organisation_id=organisation_id, digest__in=digests[at : at + _AT_ONCE]
        )
        held.update(rows.values_list("digest", flat=True))
    return [one for one, digest in zip(study, digests, strict=True) if digest not in held]


def _store(submission: _Submission, fresh: Sequence[_Good]) -> wallet.IngestedRecord:
    """One record of these files of one study. A crash before the last line is mended by sending again."""
    spool, days = submission.spool, sorted({one.found.day for one in fresh} - {""})
    with tempfile.TemporaryFile(dir=_spool_folder()) as archive:
        members = (Member(one.found, one.kept.size, partial(spool.open, one.kept)) for one in fresh)
        write_archive(members, archive)
        part = wallet.RecordPart(
            type="ImagingStudy",
            label="N",
            group=f"study:{fresh[0].found.study_uid}",
            period_start=days[0] if days else "",
            period_end=days[-1] if days else "",
            content=archive,
        )
        (record,) = records_store(submission.organisation_id, fresh[0].person_id, [part])
    rows = [
        HeldInstance(
            organisation_id=submission.organisation_id, digest=one.digest, record_id=record.record_id
        )
        for one in fresh
    ]
    HeldInstance.objects.bulk_create(rows, ignore_conflicts=True, batch_size=_AT_ONCE)
    return record
