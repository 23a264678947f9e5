"""One DICOM Part 10 file: is it whole and consistent, and what is it about?

Rules
- Preamble, `DICM` and File Meta Information are there; a deflated data set is refused (it could unfold
  without bound).
- SOP Class, SOP Instance, Study and Series Instance UIDs are present and well formed, and the SOP
  Instance UID is the one that the File Meta Information names (PS3.10 section 7.1).
- Native pixel data has exactly Rows x Columns x SamplesPerPixel x NumberOfFrames x BitsAllocated / 8 bytes,
  padded to even (PS3.5 section 8). Encapsulated pixel data has at least one fragment per frame and is closed
  by its delimiter (PS3.5 annex A.4).
- Every element, item and fragment ends inside the file (`extent`).

Pixels are neither decoded nor loaded: a file of any size is read in bounded memory.
"""

import re
import warnings
from dataclasses import dataclass
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import InvalidDicomError

from interop.dicom.extent import DATA_SET_START, CutOff, pixels_of
from interop.fhir.outcome import refuse

# pydicom's warnings quote values, and a value may be a name; what matters is checked here.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
warnings.filterwarnings("ignore", module="pydicom")

# The system of a PatientID whose issuer the file does not name.
PATIENT_ID_SYSTEM = "urn:dicom:patient-id"
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*")
_DEFLATED = (b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.4.95")
_TAGS = (
    "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID InstanceNumber Modality "  # noqa: SIM905
    "BodyPartExamined StudyDate AcquisitionDate ContentDate SeriesDate PatientID IssuerOfPatientID "
    "IssuerOfPatientIDQualifiersSequence Rows Columns BitsAllocated SamplesPerPixel "
    "PhotometricInterpretation NumberOfFrames".split()
)


@dataclass(frozen=True)
class DicomObject:
    """What a file is about.

    `instance_number` is 0 when the file has none, `day` is YYYY-MM-DD or "", `patient_identifiers` are
    (system, value) pairs.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    instance_number: int
    modality: str
    body_part: str
    day: str
    transfer_syntax: str
    patient_identifiers: tuple[tuple[str, str], ...]


def parse_dicom(file: BinaryIO) -> DicomObject:
    """Check the file from its start and describe it. Raises Refused with the tag at fault."""
    file.seek(0)
    _refuse_deflated(file)
    data_set = _read(file)
    _check_uids(data_set)
    _check_pixels(data_set, file)
    return DicomObject(
        sop_class_uid=str(data_set.SOPClassUID),
        sop_instance_uid=str(data_set.SOPInstanceUID),
        study_uid=str(data_set.StudyInstanceUID),
        series_uid=str(data_set.SeriesInstanceUID),
        instance_number=_whole_number(data_set, "InstanceNumber", absent=0) or 0,
        modality=_text(data_set, "Modality"),
        body_part=_text(data_set, "BodyPartExamined"),
        day=_day(data_set),
        transfer_syntax=str(data_set.file_meta.TransferSyntaxUID),
        patient_identifiers=_patient_identifiers(data_set),
    )


def _read(file: BinaryIO) -> FileDataset:
    try:
        data_set = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
        syntax = data_set.file_meta.get("TransferSyntaxUID")
    except InvalidDicomError:
        raise refuse("structure", "not a DICOM Part 10 file: no DICM after the preamble") from None
    except Exception as error:  # pydicom raises whatever its struct and codec calls do on broken bytes
        raise refuse("structure", f"broken or cut off while reading ({type(error).__name__})") from None
    if syntax is None:
        raise refuse("required", "required, but missing", "(0002,0010) TransferSyntaxUID")
    return data_set


def _refuse_deflated(file: BinaryIO) -> None:
    """Look for the deflated syntaxes' UIDs in the File Meta Information before pydicom would unfold them."""
    head = file.read(2048)
    file.seek(0)
    if any(uid in head[DATA_SET_START:] for uid in _DEFLATED):
        raise refuse("not-supported", "deflated: send it uncompressed", "(0002,0010) TransferSyntaxUID")


def _check_uids(data_set: FileDataset) -> None:
    for name in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        uid, place = _text(data_set, name), _place(name)
        if not uid:
            raise refuse("required", "required, but missing", place)
        if len(uid) > 64 or not _UID.fullmatch(uid):
            raise refuse("value", "not a UID (PS3.5 section 9.1)", place)
    stated = data_set.file_meta.get("MediaStorageSOPInstanceUID")
    if stated != data_set.SOPInstanceUID:
        raise refuse("conflict", "differs from the data set's SOPInstanceUID", "(0002,0003)")


def _check_pixels(data_set: FileDataset, file: BinaryIO) -> None:
    try:
        pixels = pixels_of(file, str(data_set.file_meta.TransferSyntaxUID))
    except CutOff as error:
        raise refuse("structure", str(error)) from None
    if pixels is None:
        if "Rows" in data_set or "Image Storage" in data_set.SOPClassUID.name:
            raise refuse("required", "an image without pixels", "(7FE0,0010) PixelData")
        return
    place = f"({pixels.tag >> 16:04X},{pixels.tag & 0xFFFF:04X}) PixelData"
    if pixels.length is None:
        frames = _frames(data_set)
        if pixels.fragments < frames:
            raise refuse("invalid", f"expected at least {frames} fragments, got {pixels.fragments}", place)
    elif pixels.length != (expected := _native_length(data_set, place)):
        raise refuse("invalid", f"expected {expected} bytes for its dimensions, got {pixels.length}", place)


def _native_length(data_set: Dataset, place: str) -> int:
    for name in ("Rows", "Columns", "BitsAllocated", "SamplesPerPixel", "PhotometricInterpretation"):
        if data_set.get(name) in (None, "", 0):
            raise refuse("required", "required with pixel data, but missing or 0", _place(name))
    samples = 2 if data_set.PhotometricInterpretation == "YBR_FULL_422" else data_set.SamplesPerPixel
    values = data_set.Rows * data_set.Columns * samples * _frames(data_set)
    octets = (values * data_set.BitsAllocated + 7) // 8
    return int(octets + octets % 2)


def _frames(data_set: Dataset) -> int:
    frames = _whole_number(data_set, "NumberOfFrames", absent=1)
    if frames is None or frames < 1:
        raise refuse("value", "expected a positive number", _place("NumberOfFrames"))
    return frames


def _whole_number(data_set: Dataset, name: str, absent: int) -> int | None:
    """The number, `absent` when there is none, None when it is not a number."""
    try:
        return int(data_set.get(name) or absent)
    except (TypeError, ValueError):
        return None


def _patient_identifiers(data_set: Dataset) -> tuple[tuple[str, str], ...]:
    number = _text(data_set, "PatientID")
    if not number:
        return ()
    systems = [_text(data_set, "IssuerOfPatientID")]
    for qualifier in data_set.get("IssuerOfPatientIDQualifiersSequence") or ():
        if _text(qualifier, "UniversalEntityIDType") == "ISO":
            systems.append(f"urn:oid:{_text(qualifier, 'UniversalEntityID')}")
        elif _text(qualifier, "UniversalEntityIDType") == "URI":
            systems.append(_text(qualifier, "UniversalEntityID"))
    named = [system for system in systems if system]
    return tuple((system, number) for system in named or [PATIENT_ID_SYSTEM])


def _day(data_set: Dataset) -> str:
    for name in ("StudyDate", "AcquisitionDate", "ContentDate", "SeriesDate"):
        text = _text(data_set, name)
        if re.fullmatch(r"\d{8}", text):
            return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return ""


def _text(data_set: Dataset, name: str) -> str:
    value: Any = data_set.get(name)
    return "" if value is None else str(value).strip(" \0")


def _place(name: str) -> str:
    tag = pydicom.datadict.tag_for_keyword(name) or 0
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {name}"
