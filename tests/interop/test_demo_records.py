"""The demo's histories are what a hospital would send: our own face takes them without a word."""

import io
from datetime import date

import numpy as np
import pydicom
import pytest

from interop.dicom.parse import parse_dicom
from interop.fhir.json_text import encode
from interop.fhir.parse import parse
from interop.fhir.patients import by_patient
from interop.fhir.split import split
from salus.demo.records import DemoSource, Subject, ct_series, hospital_bundle, mrn, subject_for

RIVERSIDE = DemoSource("riverside", "Riverside General", "江滨总医院")
TODAY = date(2026, 11, 23)
CAST = [("li-mei", "Li Mei", "李梅", 11), ("amina-diallo", "Amina Diallo", "阿米娜", 12)]
EVERYONE = [subject_for(handle=h, name=n, name_zh=z, seed=s) for h, n, z, s in CAST] + [
    subject_for(handle=f"other-{seed}", name="Ada Example", name_zh="", seed=seed) for seed in range(20, 26)
]


@pytest.mark.parametrize("subject", EVERYONE, ids=lambda subject: f"{subject.story}-{subject.seed}")
def test_a_history_is_valid_is_of_one_patient_and_does_not_lie_in_the_future(subject: Subject) -> None:
    submission = parse(encode(hospital_bundle(subject, RIVERSIDE, until=TODAY)), source="did:x")
    (mine,) = by_patient(submission)
    assert mrn(subject, RIVERSIDE) in mine.identifiers
    pieces = split(mine.entries)
    assert max(piece.period_end for piece in pieces) <= TODAY.isoformat()
    types = {piece.type for piece in pieces}
    assert {"Patient", "Encounter", "Condition", "AllergyIntolerance", "MedicationRequest"} <= types
    assert {"Observation", "DiagnosticReport", "Immunization", "Claim", "ExplanationOfBenefit"} <= types
    assert sum(piece.type not in ("Claim", "ExplanationOfBenefit") for piece in pieces) >= 20


def test_the_same_seed_gives_the_same_bytes_and_another_hospital_its_own() -> None:
    li_mei, north_lake = EVERYONE[0], DemoSource("north-lake", "North Lake Hospital", "北湖医院")
    assert encode(hospital_bundle(li_mei, RIVERSIDE, until=TODAY)) == encode(
        hospital_bundle(li_mei, RIVERSIDE, until=TODAY)
    )
    assert mrn(li_mei, RIVERSIDE) != mrn(li_mei, north_lake)
    assert ct_series(li_mei, RIVERSIDE, until=TODAY, slices=2) == ct_series(
        li_mei, RIVERSIDE, until=TODAY, slices=2
    )


def test_names_are_in_both_languages_and_something_is_sensitive() -> None:
    body = encode(hospital_bundle(EVERYONE[0], RIVERSIDE, until=TODAY)).decode()
    assert "李梅" in body
    assert "2型糖尿病" in body
    labels = {p.label for p in split(parse(body.encode(), source="did:x").entries)}
    assert labels == {"N", "R"}


def test_what_is_outside_its_reference_range_is_flagged() -> None:
    bundle = hospital_bundle(EVERYONE[0], RIVERSIDE, until=TODAY)
    flagged = 0
    for entry in bundle["entry"]:
        resource = entry["resource"]
        for range_ in resource.get("referenceRange", []):
            value, flag = (
                resource["valueQuantity"]["value"],
                resource["interpretation"][0]["coding"][0]["code"],
            )
            high, low = range_.get("high", {}).get("value"), range_.get("low", {}).get("value")
            expected = "H" if high is not None and value > high else "N"
            expected = "L" if low is not None and value < low else expected
            assert flag == expected
            flagged += flag != "N"
    assert flagged > 3


def test_a_slice_shows_air_lung_bone_and_the_nodule() -> None:
    files = ct_series(EVERYONE[0], RIVERSIDE, until=TODAY, slices=5)
    assert {parse_dicom(io.BytesIO(data)).series_uid for data in files} == {
        parse_dicom(io.BytesIO(files[0])).series_uid
    }
    shown = [pydicom.dcmread(io.BytesIO(data)) for data in files]
    units = [d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in shown]
    top, middle = units[0], units[2]
    assert abs(np.median(middle[:10, :10]) + 1000) < 30
    assert abs(np.median(middle[115:125, 70:80]) + 860) < 30  # lung beside the nodule
    nodule = (slice(113, 117), slice(67, 71))
    assert middle[nodule].mean() > 0 > top[nodule].mean()
    assert middle.max() > 500
