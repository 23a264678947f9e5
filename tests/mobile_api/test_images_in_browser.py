"""Imaging records on the bedside page, in Chromium: an archive of DICOM files becomes slices to scroll."""

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import generate_uid

from tests.mobile_api.conftest import Tab
from tests.mobile_api.test_pages_in_browser import open_page, shown

__all__ = ["open_page"]

pytestmark = pytest.mark.browser
CT = "1.2.840.10008.5.1.4.1.1.2"


def dicom(*, bits: int = 16, frames: int = 1, **fields: Any) -> bytes:
    """4 x 4 pixels, made with pydicom: a ramp of Hounsfield units, all frames after the first blank."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CT, generate_uid()
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    data_set = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.SeriesDescription, data_set.SeriesInstanceUID = "胸部 CT", "1.2.3"
    data_set.Modality, data_set.SOPClassUID = "CT", CT
    data_set.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data_set.Rows = data_set.Columns = 4
    data_set.SamplesPerPixel, data_set.PhotometricInterpretation = 1, "MONOCHROME2"
    data_set.BitsAllocated = data_set.BitsStored = bits
    data_set.HighBit, data_set.PixelRepresentation = bits - 1, 1
    data_set.RescaleSlope, data_set.RescaleIntercept = 1, -1000
    data_set.WindowCenter, data_set.WindowWidth = -992, 16
    pixels = np.arange(16, dtype=np.int16 if bits == 16 else np.int8).tobytes()
    data_set.PixelData = pixels + bytes(len(pixels)) * (frames - 1)
    if frames > 1:
        data_set.NumberOfFrames = frames
    for name, value in fields.items():
        setattr(data_set, name, value)
    out = io.BytesIO()
    data_set.save_as(out, enforce_file_format=True)
    return out.getvalue()


def grey(level: int, **fields: Any) -> bytes:
    """A slice of one grey level, 0 to 255, as it is to be seen."""
    pixels = np.full(16, level - 1000, dtype=np.int16).tobytes()
    return dicom(PixelData=pixels, RescaleIntercept=1000, WindowCenter=128, WindowWidth=256, **fields)


def archive(*files: bytes) -> bytes:
    """The content of an imaging record."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for number, data in enumerate(files):
            header = tarfile.TarInfo(f"1.2.{'3' * 60}/1.2.{'4' * 50}.{number}.dcm")
            header.size = len(data)
            made.addfile(header, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def bedside(open_page: Any) -> Tab:
    tab: Tab = open_page("okafor", "/clinician/device/", 1280)
    return tab


PIXELS = """() => {
  const canvas = document.querySelector(".viewer canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, 4, 4);
  const rising = [...Array(15).keys()].every((i) => data[i * 4] <= data[i * 4 + 4]);
  return { width: canvas.width, first: data[0], last: data[60], rising };
}"""
LEVELS = """() => {
  const slider = document.querySelector(".imaging input[type=range]");
  const context = document.querySelector(".viewer canvas").getContext("2d");
  return [...Array(Number(slider.max) + 1).keys()].map((at) => {
    slider.value = at;
    slider.dispatchEvent(new Event("input"));
    return context.getImageData(0, 0, 1, 1).data[0];
  });
}"""
WHEEL = """(deltaY) => {
  const canvas = document.querySelector(".viewer canvas");
  canvas.dispatchEvent(new WheelEvent("wheel", { deltaY, bubbles: true, cancelable: true }));
  return canvas.getContext("2d").getImageData(0, 0, 1, 1).data[0];
}"""
DRAG = """() => {
  const sliders = [...document.querySelectorAll(".imaging input[type=range]")];
  const before = sliders.map((slider) => Number(slider.value));
  const move = new PointerEvent("pointermove", { buttons: 1, movementX: 10, movementY: 5 });
  document.querySelector(".viewer canvas").dispatchEvent(move);
  return sliders.map((slider, i) => Number(slider.value) - before[i]);
}"""


def test_a_slice_is_drawn_through_its_window(bedside: Tab) -> None:
    assert "胸部 CT" in shown(bedside, archive(dicom()))["text"]
    assert bedside.evaluate(PIXELS) == {"width": 4, "first": 0, "last": 255, "rising": True}


def test_slices_are_in_order_of_instance_number_then_of_place(bedside: Tab) -> None:
    axial = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    files = [grey(10 * n, InstanceNumber=n) for n in (3, 1, 2)]
    files += [grey(z, InstanceNumber=9, ImagePositionPatient=[0, 0, z], **axial) for z in (90, 70, 80)]
    shown(bedside, archive(*files))
    assert bedside.evaluate(LEVELS) == [10, 20, 30, 70, 80, 90]


def test_a_further_record_of_the_study_joins_its_series(bedside: Tab) -> None:
    first, second = archive(grey(30, InstanceNumber=3)), archive(grey(10, InstanceNumber=1))
    shown(bedside, first, second)
    assert bedside.evaluate(LEVELS) == [10, 30]


def test_each_series_is_a_stack_of_its_own(bedside: Tab) -> None:
    other = {"SeriesInstanceUID": "1.2.9", "SeriesNumber": 2, "SeriesDescription": "Lung"}
    shown(bedside, archive(grey(10, InstanceNumber=1), grey(99, InstanceNumber=1, **other)))
    options = "[...document.querySelectorAll('.imaging option')].map((o) => o.textContent)"
    assert bedside.evaluate(options) == ["CT · 胸部 CT · 1", "CT · Lung · 1"]
    choose = """() => { const s = document.querySelector('.imaging select'); s.value = '1.2.9';
      s.dispatchEvent(new Event('change')); }"""
    bedside.evaluate(choose)
    assert bedside.evaluate(LEVELS) == [99]


def test_frames_scroll_as_slices_and_the_wheel_turns_them(bedside: Tab) -> None:
    shown(bedside, archive(dicom(frames=3, WindowCenter=-1000, WindowWidth=2)))
    assert "2 of 3" in bedside.inner_text(".imaging")
    bedside.evaluate(WHEEL, 120)
    assert "3 of 3" in bedside.inner_text(".imaging")
    bedside.evaluate(WHEEL, 120)
    assert "3 of 3" in bedside.inner_text(".imaging")
    bedside.evaluate(WHEEL, -120)
    bedside.evaluate(WHEEL, -120)
    assert "1 of 3" in bedside.inner_text(".imaging")


def test_dragging_moves_the_window_and_not_the_slice(bedside: Tab) -> None:
    shown(bedside, archive(dicom(), dicom()))
    assert bedside.evaluate(DRAG) == [0, 10, 40]


def test_the_picture_is_square_and_large_on_a_desk(bedside: Tab) -> None:
    shown(bedside, archive(dicom()))
    width, height = bedside.evaluate(
        "(() => { const r = document.querySelector('.viewer').getBoundingClientRect();"
        " return [r.width, r.height]; })()"
    )
    assert width == pytest.approx(height, abs=1)
    assert width > 450


@pytest.mark.parametrize(
    ("sets", "raw", "text"),
    [
        ("ISO_IR 192", "胸部 é".encode(), "胸部 é"),
        ("GB18030", "胸部 CT".encode("gb18030"), "胸部 CT"),
        ("GBK", "胸部 CT".encode("gbk"), "胸部 CT"),
        ("ISO_IR 100", "Übersicht è".encode("latin-1"), "Übersicht è"),
        ("", b"CHEST", "CHEST"),
        ("ISO_IR 144", "Грудь".encode("iso-8859-5"), "Грудь"),
        ("\\ISO 2022 IR 58", b"\x1b$)A" + "胸部".encode("gb2312") + b" CT", "胸部 CT"),
        ("\\ISO 2022 IR 149", b"\x1b$)C" + "흉부".encode("euc-kr"), "흉부"),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", "胸部".encode("iso2022_jp"), "胸部"),
        ("ISO_IR 192", "右肺 ".encode() + b"\0", "右肺"),
    ],
)
def test_text_is_read_in_the_file_s_own_character_set(bedside: Tab, sets: str, raw: bytes, text: str) -> None:
    decode = """async ([raw, sets]) => (await import("/static/pages/record/charset.js"))
      .dicomText(Uint8Array.from(raw), sets)"""
    assert bedside.evaluate(decode, [list(raw), sets]) == text


def test_a_compressed_slice_is_named_once_not_guessed(bedside: Tab) -> None:
    compressed = dicom().replace(b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.1.2.5\x00")
    told = shown(bedside, archive(compressed, compressed))
    assert told["text"].count("This image is compressed.") == 1
    assert "1.2.840.10008.1.2.5" in told["text"]


def test_a_cut_off_slice_is_not_drawn_and_the_others_are(bedside: Tab) -> None:
    told = shown(bedside, archive(dicom()[:-9], dicom()))
    assert "This image is damaged and is not shown." in told["text"]
    assert "1 of 1" in told["text"]


def test_a_damaged_archive_is_said(bedside: Tab) -> None:
    whole = archive(dicom())
    for bad in (whole[:700], whole[:512], whole[:130] + b"9" + whole[131:]):
        assert "This image is damaged and is not shown." in shown(bedside, bad)["text"]


def test_a_published_enhanced_study_scrolls_its_frames(bedside: Tab, shared_data: Path) -> None:
    data = (shared_data / "dicom" / "emri_small_multiframe.dcm").read_bytes()
    told = shown(bedside, archive(data, (shared_data / "dicom" / "waveform_ecg.dcm").read_bytes()))
    assert "of 10" in told["text"]
    assert "This kind of image cannot be drawn here. ECG" in told["text"]
