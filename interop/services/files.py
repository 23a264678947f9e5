"""A file of unknown kind → the submissions inside it: FHIR JSON, NDJSON (one resource a line), DICOM."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from interop.fhir.outcome import Issue, Refused
from interop.fhir.parse import Limits
from interop.services.ingest import ingest_dicom, ingest_fhir

_PREAMBLE = 132


@dataclass(frozen=True)
class FileResult:
    """What became of one submission of a file. `line` counts from 1 in NDJSON, 0 elsewhere.

    `new` and `known` count resources (or DICOM instances); `issues` say why nothing was taken, or which
    entries of a batch were not.
    """

    line: int
    kind: str
    new: int
    known: int
    issues: tuple[Issue, ...]


def file_ingest(
    *,
    organisation_id: uuid.UUID,
    file: BinaryIO,
    name: str,
    patient_code: str | None = None,
    dry_run: bool = False,
) -> Iterator[FileResult]:
    """Take a file, submission by submission; one that is refused is reported and the rest goes on.

    DICOM is known by its content, NDJSON by the ending of `name`; anything else must be FHIR JSON.
    In a dry run, what would be taken counts as new. Raises the wallet's StorageDown and KeyUnavailable.
    """
    head = file.read(_PREAMBLE)
    file.seek(0)
    if head[-4:] == b"DICM" and len(head) == _PREAMBLE:
        yield _dicom(organisation_id, file, patient_code, dry_run)
    elif name.lower().endswith(".ndjson"):
        for number, line in enumerate(_lines(file), 1):
            if line.strip():
                yield _fhir(organisation_id, line, number, patient_code, dry_run)
    else:
        yield _fhir(organisation_id, file.read(Limits().size + 1), 0, patient_code, dry_run)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(Limits().size + 2):
        yield line


def _dicom(organisation_id: uuid.UUID, file: BinaryIO, code: str | None, dry_run: bool) -> FileResult:
    try:
        found, record = ingest_dicom(
            organisation_id=organisation_id, file=file, patient_code=code, dry_run=dry_run
        )
    except Refused as error:
        return FileResult(0, "DICOM", 0, 0, error.issues)
    known = int(record is not None and record.duplicate)
    return FileResult(0, f"DICOM {found.modality}".strip(), 1 - known, known, ())


def _fhir(organisation_id: uuid.UUID, data: bytes, line: int, code: str | None, dry_run: bool) -> FileResult:
    try:
        result = ingest_fhir(organisation_id=organisation_id, data=data, patient_code=code, dry_run=dry_run)
    except Refused as error:
        return FileResult(line, "FHIR", 0, 0, error.issues)
    new = len(result.taken) if dry_run else sum(taken.new for taken in result.taken)
    issues = tuple(issue for _, found in result.refused for issue in found)
    return FileResult(line, f"FHIR {result.kind}", new, len(result.taken) - new, issues)
