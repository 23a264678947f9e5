"""Real published samples: each is taken, or refused for the reason that is known."""

from pathlib import Path

import pytest

from interop.dicom.parse import parse_dicom
from interop.fhir.join import join
from interop.fhir.outcome import Refused
from interop.fhir.parse import parse
from interop.fhir.patients import by_patient
from interop.fhir.split import split
from tests.interop.test_split_join import by_id

# US Core's example has a narrative without its required div.
KNOWN_FAULTS = {"diagnosticreport-cbc.json": "DiagnosticReport.text.div"}


def submissions(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return data.splitlines() if path.suffix == ".ndjson" else [data]


def test_every_published_fhir_sample_is_taken_or_refused_for_its_known_fault(shared_data: Path) -> None:
    samples = sorted((shared_data / "fhir").rglob("*.*json"))
    assert len(samples) > 50
    refused: dict[str, str] = {}
    for path in samples:
        for data in submissions(path):
            try:
                assert parse(data, source="did:x").entries
            except Refused as error:
                refused[path.name] = error.issues[0].place
    assert refused == KNOWN_FAULTS


def test_every_published_history_splits_and_joins_without_loss(shared_data: Path) -> None:
    samples = sorted((shared_data / "fhir" / "synthea").glob("*.json"))
    assert len(samples) == 8
    for path in samples:
        submission = parse(path.read_bytes(), source="did:x")
        (mine,) = by_patient(submission)
        pieces = split(mine.entries)
        back = {f"{r['resourceType']}/{r['id']}": by_id(r) for r in join(p.content for p in pieces)}
        assert back == {e.reference: by_id(e.resource) for e in submission.entries}
        assert len({(p.type, p.label, p.group) for p in pieces}) == len(pieces)
        assert not any(b"urn:uuid:" in p.content.replace(b'"fullUrl":"urn:uuid:', b"") for p in pieces)


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("CT_small.dcm", "CT"),
        ("JPEG-LL.dcm", "NM"),
        ("MR-SIEMENS-DICOM-WithOverlays.dcm", "MR"),
        ("MR_small_jp2klossless.dcm", "MR"),
        ("emri_small_multiframe.dcm", "MR"),
        ("emri_small_multiframe_jpeg2k_lossless.dcm", "MR"),
        ("waveform_ecg.dcm", "ECG"),
    ],
)
def test_a_published_dicom_file_is_taken_whole_and_never_cut_off(
    shared_data: Path, tmp_path: Path, name: str, modality: str
) -> None:
    data = (shared_data / "dicom" / name).read_bytes()
    cut = tmp_path / "cut.dcm"
    for length in (*range(0, len(data), max(1, len(data) // 40)), len(data) - 1, len(data) - 2):
        cut.write_bytes(data[:length])
        with cut.open("rb") as file, pytest.raises(Refused):
            parse_dicom(file)
    with (shared_data / "dicom" / name).open("rb") as file:
        found = parse_dicom(file)
    assert found.modality == modality
    assert found.study_uid
