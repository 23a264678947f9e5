"""Files in by the desk and by `manage.py ingest`: a bad one is reported with its place, the rest goes on."""

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.api import person_ensure
from salus.demo.records import ct_series
from tests.interop.conftest import Faces
from tests.interop.samples import bundle, observation, patient, text
from tests.interop.test_dicom import LI_MEI, RIVERSIDE, SLICE

STUDY = ct_series(LI_MEI, RIVERSIDE, until=date(2026, 11, 23), slices=4)


def ingest(*paths: Path, **options: Any) -> tuple[str, str]:
    """What the command says on its two streams; the CommandError's text joins the second."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("ingest", *map(str, paths), organisation="riverside", stdout=out, stderr=err, **options)
    except CommandError as error:
        err.write(str(error))
    return out.getvalue(), err.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inbox = tmp_path / "inbox"
    (inbox / "deeper").mkdir(parents=True)
    (inbox / "a.json").write_bytes(text(bundle(patient(), observation())))
    (inbox / "b.json").write_bytes(text(bundle(patient(), observation(), observation(statsu="x"))))
    lines = [patient(id="p1"), observation(subject={"reference": "Patient/p1"}), observation(code={})]
    (inbox / "c.ndjson").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    (inbox / "deeper" / "d.dcm").write_bytes(SLICE[:-5])
    return inbox


def test_a_folder_goes_in_and_what_is_wrong_is_told_with_its_place(faces: Faces, folder: Path) -> None:
    out, err = ingest(folder)
    assert "[1/4]" in out
    assert "a.json: 2 new, 0 already here" in out
    assert "c.ndjson: 2 new, 0 already here" in out
    assert "Bundle.entry[2].resource.statsu: not an element of this type" in err
    assert "line 3: Observation.code" in err
    assert "cut off" in err
    assert "3 of 4 files were refused or taken in part" in err
    assert len(faces.records("li-mei")) == 4


def test_the_same_folder_twice_makes_nothing_new(faces: Faces, folder: Path) -> None:
    ingest(folder)
    held = faces.records("li-mei")
    out, _ = ingest(folder)
    assert "a.json: 0 new, 2 already here" in out
    assert faces.records("li-mei") == held


def test_a_dry_run_checks_and_stores_nothing(faces: Faces, folder: Path) -> None:
    out, err = ingest(folder / "a.json", folder / "b.json", dry_run=True)
    assert "a.json: 2 new" in out
    assert "statsu" in err
    assert faces.records("li-mei") == []


def test_a_patient_code_stands_in_for_identifiers(faces: Faces, tmp_path: Path) -> None:
    path = tmp_path / "slice.dcm"
    path.write_bytes(SLICE)
    _, err = ingest(path, patient=faces.world.code("amina-diallo"))
    assert "different patients" in err  # the number in the file is Li Mei's
    out, err = ingest(path, patient=faces.world.code("li-mei"))
    assert (err, "1 new" in out) == ("", True)


def test_the_studies_of_a_folder_are_one_record_each_and_a_bad_file_is_told(
    faces: Faces, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    for number, data in enumerate(STUDY):
        (inbox / f"series-{number % 2}").mkdir(parents=True, exist_ok=True)
        (inbox / f"series-{number % 2}" / f"{number}.dcm").write_bytes(data)
    (inbox / "bad.dcm").write_bytes(STUDY[0][:-9])
    out, err = ingest(inbox, patient=faces.world.code("li-mei"))
    assert out.count(": 1 new, 0 already here") == 4
    assert "bad.dcm: 0 new" in out
    assert "1 of 5 files were refused" in err
    assert [record.type for record in faces.records("li-mei")] == ["ImagingStudy"]
    out, _ = ingest(inbox, patient=faces.world.code("li-mei"))
    assert out.count(": 0 new, 1 already here") == 4
    assert len(faces.records("li-mei")) == 1


def test_what_is_not_there_is_said(faces: Faces, tmp_path: Path) -> None:
    assert "no such file" in ingest(tmp_path / "nowhere")[1]
    with pytest.raises(CommandError, match="no organisation"):
        call_command("ingest", str(tmp_path), organisation="mallory")


@pytest.fixture
def clerk(faces: Faces) -> Client:
    riverside = faces.world.organisations["riverside"]
    person = person_ensure(handle="records", name="Records desk", role="operator", organisation=riverside)
    browser = Client()
    browser.force_login(person)
    return browser


def test_the_desk_takes_files_and_shows_what_became_of_them(faces: Faces, clerk: Client) -> None:
    good = SimpleUploadedFile("good.json", text(bundle(patient(), observation())))
    bad = SimpleUploadedFile("<b>bad.json", text(bundle(patient(), observation(statsu="x"))))
    page = clerk.post("/desk/", {"upload": [good, bad], "patient_code": ""})
    shown = page.content.decode()
    assert "2 new, 0 already here" in shown
    assert "Bundle.entry[1].resource.statsu" in shown
    assert "<b>bad" not in shown
    listed = clerk.get("/desk/").content.decode()
    assert faces.world.code("li-mei") in listed
    assert "waits for the patient" in listed


def test_the_files_of_a_study_dropped_on_the_desk_are_one_record(faces: Faces, clerk: Client) -> None:
    files = [SimpleUploadedFile(f"{number}.dcm", data) for number, data in enumerate(STUDY)]
    page = clerk.post("/desk/", {"upload": files, "patient_code": faces.world.code("li-mei")})
    assert page.content.decode().count("1 new, 0 already here") == len(STUDY)
    assert len(faces.records("li-mei")) == 1


def test_the_desk_names_no_patient_and_shows_no_content(faces: Faces, clerk: Client) -> None:
    clerk.post("/desk/", {"upload": [SimpleUploadedFile("a.json", text(bundle(patient(), observation())))]})
    listed = clerk.get("/desk/").content.decode()
    assert "Li Mei" not in listed
    assert "718-7" not in listed


def test_the_desk_speaks_chinese(clerk: Client) -> None:
    clerk.cookies["django_language"] = "zh-hans"
    shown = clerk.get("/desk/").content.decode()
    assert "病历录入台" in shown
    assert "Records desk" not in shown.replace(">Records desk · ", "")


def test_the_desk_without_a_file_or_with_a_wrong_code_says_so(clerk: Client) -> None:
    assert clerk.post("/desk/", {"patient_code": ""}).status_code == 400
    good = SimpleUploadedFile("good.json", b"{}")
    assert clerk.post("/desk/", {"upload": [good], "patient_code": "nonsense!"}).status_code == 400


def test_only_a_hospital_s_operator_sees_the_desk(faces: Faces) -> None:
    for who in ("li-mei", "okafor", "clerk"):
        browser = Client()
        browser.force_login(faces.world.people[who])
        assert browser.get("/desk/").status_code == 403
    assert Client().get("/desk/").status_code == 302
