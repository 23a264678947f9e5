"""Files of unknown kind → what is in them: FHIR JSON, NDJSON (one resource a line), DICOM studies."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from interop.dicom.parse import parse_dicom
from interop.fhir.outcome import Issue, Refused
from interop.fhir.parse import Limits
from interop.services.ingest import ingest_fhir
from interop.services.studies import Instance, ingest_dicom

_PREAMBLE = 132


@dataclass(frozen=True)
class Source:
    """One file that was sent. `open` gives it from its start, as often as asked."""

    name: str
    open: Callable[[], AbstractContextManager[BinaryIO]]


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


def files_ingest(
    *,
    organisation_id: uuid.UUID,
    sources: Iterable[Source],
    patient_code: str | None = None,
    dry_run: bool = False,
) -> Iterator[tuple[Source, list[FileResult]]]:
    """Take files that came together and tell what became of each; a refused one does not stop the others.

    DICOM is known by its content, NDJSON by the ending of its name; anything else must be FHIR JSON. DICOM
    files come last, study by study, since those of one study make one record. In a dry run, what would be
    taken counts as new. Raises OSError and the wallet's StorageDown and KeyUnavailable.
    """
    studies: dict[str, list[Source]] = {}
    for source in sources:
        with source.open() as file:
            if _is_dicom(file):
                studies.setdefault(_study_uid(file), []).append(source)
                continue
            results = list(_fhir_file(organisation_id, file, source.name, patient_code, dry_run))
        yield source, results
    for study in studies.values():
        result = ingest_dicom(
            organisation_id=organisation_id, files=_opened(study), patient_code=patient_code, dry_run=dry_run
        )
        for source, instance in zip(study, result.instances, strict=True):
            yield source, [_told(instance)]


def _is_dicom(file: BinaryIO) -> bool:
    head = file.read(_PREAMBLE)
    file.seek(0)
    return len(head) == _PREAMBLE and head[-4:] == b"DICM"


def _study_uid(file: BinaryIO) -> str:
    """The study that the file belongs to, or "" when it cannot be read: then it is refused by itself."""
    try:
        return parse_dicom(file).study_uid
    except Refused:
        return ""


def _opened(sources: Sequence[Source]) -> Iterator[BinaryIO]:
    for source in sources:
        with source.open() as file:
            yield file


def _told(instance: Instance) -> FileResult:
    kind = f"DICOM {instance.found.modality}".strip() if instance.found else "DICOM"
    known = not instance.new and not instance.issues
    return FileResult(0, kind, int(instance.new), int(known), instance.issues)


def _fhir_file(
    organisation_id: uuid.UUID, file: BinaryIO, name: str, code: str | None, dry_run: bool
) -> Iterator[FileResult]:
    if not name.lower().endswith(".ndjson"):
        yield _fhir(organisation_id, file.read(Limits().size + 1), 0, code, dry_run)
        return
    for number, line in enumerate(_lines(file), 1):
        if line.strip():
            yield _fhir(organisation_id, line, number, code, dry_run)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(Limits().size + 2):
        yield line


def _fhir(organisation_id: uuid.UUID, data: bytes, line: int, code: str | None, dry_run: bool) -> FileResult:
    try:
        result = ingest_fhir(organisation_id=organisation_id, data=data, patient_code=code, dry_run=dry_run)
    except Refused as error:
        return FileResult(line, "FHIR", 0, 0, error.issues)
    new = len(result.taken) if dry_run else sum(taken.new for taken in result.taken)
    issues = tuple(issue for _, found in result.refused for issue in found)
    return FileResult(line, f"FHIR {result.kind}", new, len(result.taken) - new, issues)
