"""DICOM objects that contradict themselves are refused with the tag at fault."""

import io
import struct
from collections.abc import Callable
from datetime import date

import pydicom
import pytest
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from interop.dicom.multipart import parts
from interop.dicom.parse import PATIENT_ID_SYSTEM, DicomObject, parse_dicom
from interop.fhir.outcome import Refused
from salus.demo.records import DemoSource, ct_series, mrn, subject_for

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

RIVERSIDE = DemoSource("riverside", "Riverside General", "江滨总医院")
LI_MEI = subject_for(handle="li-mei", name="Li Mei", name_zh="李梅", seed=11)
SLICE = ct_series(LI_MEI, RIVERSIDE, until=date(2026, 11, 23), slices=1)[0]


def parsed(data: bytes) -> DicomObject:
    return parse_dicom(io.BytesIO(data))


def edited(edit: Callable[[FileDataset], object]) -> bytes:
    data_set = pydicom.dcmread(io.BytesIO(SLICE))
    edit(data_set)
    out = io.BytesIO()
    data_set.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_a_slice_says_what_it_is_and_whose() -> None:
    found = parsed(SLICE)
    assert (found.modality, found.body_part, found.day) == ("CT", "CHEST", "2026-11-17")
    assert found.patient_identifiers == (mrn(LI_MEI, RIVERSIDE),)


def test_a_number_without_an_issuer_has_the_plain_system() -> None:
    data = edited(lambda d: d.__delattr__("IssuerOfPatientID"))
    assert parsed(data).patient_identifiers == ((PATIENT_ID_SYSTEM, mrn(LI_MEI, RIVERSIDE)[1]),)


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (lambda d: d.__delattr__("StudyInstanceUID"), "(0020,000D) StudyInstanceUID"),
        (lambda d: d.__delattr__("SeriesInstanceUID"), "(0020,000E) SeriesInstanceUID"),
        (lambda d: setattr(d, "StudyInstanceUID", "1.02.3"), "(0020,000D) StudyInstanceUID"),
        (lambda d: setattr(d, "Rows", 300), "(7FE0,0010) PixelData"),
        (lambda d: setattr(d, "NumberOfFrames", 2), "(7FE0,0010) PixelData"),
        (lambda d: setattr(d, "NumberOfFrames", -1), "(0028,0008) NumberOfFrames"),
        (lambda d: setattr(d, "PixelData", d.PixelData[:-2]), "(7FE0,0010) PixelData"),
        (lambda d: setattr(d, "PixelData", d.PixelData + b"\0\0"), "(7FE0,0010) PixelData"),
        (lambda d: d.__delattr__("PixelData"), "(7FE0,0010) PixelData"),
        (lambda d: d.__delattr__("BitsAllocated"), "(0028,0100) BitsAllocated"),
    ],
)
def test_a_contradiction_is_refused_with_its_tag(edit: Callable[[FileDataset], object], place: str) -> None:
    with pytest.raises(Refused) as refused:
        parsed(edited(edit))
    assert refused.value.issues[0].place == place


def test_the_file_s_head_and_body_must_name_the_same_instance() -> None:
    uid = parsed(SLICE).sop_instance_uid.encode()
    other = SLICE.replace(uid, uid[:-1] + (b"1" if uid[-1:] != b"1" else b"2"), 1)
    with pytest.raises(Refused) as refused:
        parsed(other)
    assert refused.value.issues[0].place == "(0002,0003)"


def test_a_file_cut_off_anywhere_is_refused() -> None:
    for length in (*range(0, 2_000, 7), len(SLICE) // 2, len(SLICE) - 2, len(SLICE) - 1):
        with pytest.raises(Refused):
            parsed(SLICE[:length])


def compressed(frames: int, fragments: list[bytes]) -> bytes:
    def edit(data_set: FileDataset) -> None:
        data_set.file_meta.TransferSyntaxUID = JPEG2000Lossless
        data_set.NumberOfFrames = frames
        data_set.PixelData = encapsulate(fragments)
        data_set["PixelData"].is_undefined_length = True

    return edited(edit)


def test_compressed_frames_are_kept_as_they_are() -> None:
    assert parsed(compressed(2, [b"ab", b"cd"])).transfer_syntax == JPEG2000Lossless


def test_compressed_frames_that_are_missing_are_missed() -> None:
    with pytest.raises(Refused) as refused:
        parsed(compressed(3, [b"ab", b"cd"]))
    assert "at least 3 fragments, got 2" in str(refused.value)
    whole = compressed(2, [b"ab", b"cd"])
    with pytest.raises(Refused):
        parsed(whole[:-8])


def test_a_deflated_data_set_is_refused_before_it_unfolds() -> None:
    meta = SLICE.index(b"1.2.840.10008.1.2.1\0")
    bomb = SLICE[: meta - 2] + struct.pack("<H", 22) + b"1.2.840.10008.1.2.1.99" + SLICE[meta + 20 :]
    with pytest.raises(Refused, match="deflated"):
        parsed(bomb)


@pytest.mark.parametrize("data", [b"", b"DICM", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 500])
def test_what_is_not_dicom_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        parsed(data)


BODY = (
    b"preamble\r\n--b\r\nContent-Type: application/dicom\r\n\r\nfirst\r\n-bnot a delimiter"
    b"\r\n--b\r\nContent-Type: text/plain; x=y\r\n\r\n\r\n--b--\r\nepilogue"
)


class Dribble:
    """A request that gives its body a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self.data, self.step = io.BytesIO(data), step

    def read(self, size: int) -> bytes:
        return self.data.read(min(size, self.step))


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
def test_parts_come_out_however_the_bytes_arrive(step: int) -> None:
    got = [(p.content_type, p.body.read()) for p in parts(Dribble(BODY, step), "b", limit=10**6)]
    assert got == [("application/dicom", b"first\r\n-bnot a delimiter"), ("text/plain", b"")]


def test_a_body_that_stops_short_or_grows_too_long_is_refused() -> None:
    for length in range(12, BODY.index(b"--b--") + 3, 5):
        with pytest.raises(Refused):
            list(parts(Dribble(BODY[:length], 10), "b", limit=10**6))
    with pytest.raises(Refused) as refused:
        list(parts(Dribble(BODY, 10), "b", limit=40))
    assert refused.value.status == 413
