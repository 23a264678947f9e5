"""A chest CT that nobody ever had: a phantom of ellipses, written as CT Image Storage files."""

import io
import random
from datetime import date, timedelta
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from salus.demo.records.subject import DemoSource, Subject, mrn

SIZE = 256
_SPACING_MM = 1.4
_THICKNESS_MM = 5.0
_INTERCEPT = -1024
_AIR, _FAT, _MUSCLE, _LUNG, _BONE, _HEART, _NODULE = -1000, -90, 45, -860, 620, 40, 35

Pixels = Any


def ct_series(subject: Subject, source: DemoSource, *, until: date, slices: int = 6) -> list[bytes]:
    """The files of one series, head to foot, taken six days before `until`. A nodule lies mid-way."""
    day = until - timedelta(days=6)
    root = f"{source.slug}/{subject.seed}/{day.isoformat()}"
    noise = np.random.default_rng(subject.seed)
    return [
        _file(subject, source, day, root, number, hounsfield(number / max(slices - 1, 1), noise))
        for number in range(slices)
    ]


def hounsfield(depth: float, noise: np.random.Generator) -> Pixels:
    """One slice in Hounsfield units, SIZE x SIZE; `depth` runs from 0 (upper chest) to 1 (lower)."""
    image = np.full((SIZE, SIZE), _AIR, dtype=np.float32)
    lung = 0.24 + 0.06 * np.sin(np.pi * depth)
    shapes = [
        (0.0, 0.0, 0.86, 0.62, _FAT),
        (0.0, 0.0, 0.80, 0.56, _MUSCLE),
        (-0.38, -0.02, lung + 0.04, lung + 0.14, _LUNG),
        (0.38, -0.02, lung, lung + 0.12, _LUNG),
        (0.10, -0.10, 0.16 + 0.10 * depth, 0.18 + 0.06 * depth, _HEART),
        (0.0, 0.36, 0.10, 0.10, _BONE),
        (0.0, 0.36, 0.045, 0.045, _MUSCLE),
    ]
    shapes += [(0.70 * np.cos(a), 0.47 * np.sin(a), 0.045, 0.022, _BONE) for a in np.linspace(0.3, 5.98, 12)]
    nodule = 0.055 * max(0.0, 1 - abs(depth - 0.5) * 3)
    if nodule > 0:
        shapes.append((-0.46, -0.10, nodule, nodule, _NODULE))
    for x, y, width, height, value in shapes:
        image[_ellipse(x, y, width, height)] = value
    return image + noise.normal(0, 12, image.shape).astype(np.float32)


def _ellipse(x: float, y: float, width: float, height: float) -> Pixels:
    rows, columns = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    return ((columns - x) / width) ** 2 + ((rows - y) / height) ** 2 <= 1


def _uid(*parts: object) -> UID:
    return generate_uid(prefix="2.25.", entropy_srcs=["/".join(map(str, parts))])


def _file(subject: Subject, source: DemoSource, day: date, root: str, number: int, image: Pixels) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(root, number)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("salus demo")
    buffer = io.BytesIO()
    data_set = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    _identify(data_set, subject, source, day, root)
    _place(data_set, number)
    _draw(data_set, image)
    data_set.SOPClassUID = CTImageStorage
    data_set.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data_set.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _identify(data_set: FileDataset, subject: Subject, source: DemoSource, day: date, root: str) -> None:
    system, number = mrn(subject, source)
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.PatientName = f"{subject.family}^{subject.given}={subject.name_zh}".rstrip("=")
    data_set.PatientID, data_set.IssuerOfPatientID = number, system
    data_set.PatientBirthDate = subject.birth_date.strftime("%Y%m%d")
    data_set.PatientSex = subject.gender[0].upper()
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = _uid(root, "study"), _uid(root, "series")
    data_set.FrameOfReferenceUID = _uid(root, "frame")
    data_set.StudyID = str(random.Random(root).randrange(1000, 10000))
    data_set.AccessionNumber = f"A{data_set.StudyID}"
    data_set.StudyDate = data_set.SeriesDate = data_set.ContentDate = day.strftime("%Y%m%d")
    data_set.StudyTime = data_set.ContentTime = "101500"
    data_set.Modality, data_set.BodyPartExamined = "CT", "CHEST"
    data_set.StudyDescription = data_set.SeriesDescription = "CT chest 胸部CT"
    data_set.InstitutionName, data_set.Manufacturer = source.name, "Phantom"
    data_set.ReferringPhysicianName, data_set.SeriesNumber = "", 1
    data_set.PatientPosition, data_set.ImageType = "HFS", ["ORIGINAL", "PRIMARY", "AXIAL"]


def _place(data_set: FileDataset, number: int) -> None:
    corner = -SIZE * _SPACING_MM / 2
    data_set.InstanceNumber = number + 1
    data_set.ImagePositionPatient = [corner, corner, -_THICKNESS_MM * number]
    data_set.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data_set.SliceLocation = -_THICKNESS_MM * number
    data_set.PixelSpacing, data_set.SliceThickness = [_SPACING_MM, _SPACING_MM], _THICKNESS_MM
    data_set.KVP = 120


def _draw(data_set: FileDataset, image: Pixels) -> None:
    stored = np.clip(np.rint(image) - _INTERCEPT, 0, 4095).astype("<u2")
    data_set.SamplesPerPixel, data_set.PhotometricInterpretation = 1, "MONOCHROME2"
    data_set.Rows, data_set.Columns = stored.shape
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 16, 12, 11
    data_set.PixelRepresentation = 0
    data_set.RescaleIntercept, data_set.RescaleSlope, data_set.RescaleType = _INTERCEPT, 1, "HU"
    data_set.WindowCenter, data_set.WindowWidth = [40, -600], [400, 1500]
    data_set.WindowCenterWidthExplanation = ["MEDIASTINUM", "LUNG"]
    data_set.PixelData = stored.tobytes()
