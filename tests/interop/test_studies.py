"""One imaging study is one record: an archive of its files, whatever their number."""

import io
import json
import random
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import date
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import FileDataset

from interop.api import DicomResult, ingest_dicom
from interop.dicom.archive import Member, write_archive
from interop.dicom.parse import DicomObject
from interop.dicom.spool import Spool
from interop.models import HeldInstance
from interop.services import studies
from ledger.api import b64u_decode
from salus.demo.records import DemoSource, ct_series, mrn, subject_for
from tests.interop.conftest import Faces, enrol
from tests.wallet.conftest import PIN
from wallet import api as wallet
from wallet import ports

RIVERSIDE = DemoSource("riverside", "Riverside General", "江滨总医院")
AMINA = subject_for(handle="amina-diallo", name="Amina Diallo", name_zh="", seed=12)
LI_MEI = subject_for(handle="li-mei", name="Li Mei", name_zh="李梅", seed=11)
FILES = ct_series(AMINA, RIVERSIDE, until=date(2026, 11, 23), slices=4)


def members(archive: bytes) -> dict[str, bytes]:
    """What a standard reader finds in the archive, in its order."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:
        return {item.name: found.extractfile(item).read() for item in found}  # type: ignore[union-attr]


def edited(data: bytes, edit: Callable[[FileDataset], object]) -> bytes:
    data_set = pydicom.dcmread(io.BytesIO(data))
    edit(data_set)
    out = io.BytesIO()
    data_set.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.fixture
def riverside(faces: Faces) -> Faces:
    enrol(faces.world, "amina-diallo", "riverside", mrn(AMINA, RIVERSIDE))
    enrol(faces.world, "li-mei", "riverside", mrn(LI_MEI, RIVERSIDE))
    return faces


def sent(faces: Faces, *files: bytes, **options: Any) -> DicomResult:
    organisation_id = faces.world.organisations["riverside"].id
    return ingest_dicom(organisation_id=organisation_id, files=map(io.BytesIO, files), **options)


def contents(faces: Faces) -> list[dict[str, bytes]]:
    """Each of Amina Diallo's records, opened with her PIN, oldest first."""
    person_id = faces.world.people["amina-diallo"].id
    opened = []
    for record in sorted(faces.records("amina-diallo"), key=lambda record: record.created_at):
        own = wallet.record_open_own_custodial(person_id=person_id, record_id=record.record_id, pin=PIN)
        opened.append(members(b"".join(ports.storage().read(record.manifest, b64u_decode(own.data_key)))))
    return opened


def test_a_study_is_one_record_and_one_anchor(riverside: Faces) -> None:
    result = sent(riverside, *FILES)
    assert [one.new for one in result.instances] == [True] * 4
    assert len(result.records) == 1
    assert [list(found.values()) for found in contents(riverside)] == [FILES]
    riverside.world.settle()
    (record,) = riverside.records("amina-diallo")
    assert (record.state, record.period_start, record.label) == ("anchored", "2026-11-17", "N")


def test_a_single_file_is_an_archive_of_one(riverside: Faces) -> None:
    sent(riverside, FILES[0])
    ((name, data),) = contents(riverside)[0].items()
    found = pydicom.dcmread(io.BytesIO(FILES[0]))
    assert (name, data) == (f"{found.SeriesInstanceUID}/{found.SOPInstanceUID}.dcm", FILES[0])


def test_the_same_files_again_in_any_order_or_number_make_nothing_new(riverside: Faces) -> None:
    sent(riverside, *FILES)
    for again in (FILES, FILES[::-1], FILES[1:2], FILES[:3] + FILES[:3]):
        result = sent(riverside, *again)
        assert result.records == ()
        assert not any(one.new or one.issues for one in result.instances)
    assert len(riverside.records("amina-diallo")) == 1


def test_later_instances_make_a_further_record_of_the_same_group_with_what_is_new(riverside: Faces) -> None:
    sent(riverside, *FILES[:2])
    result = sent(riverside, *FILES)
    assert [one.new for one in result.instances] == [False, False, True, True]
    assert [list(found.values()) for found in contents(riverside)] == [FILES[:2], FILES[2:]]
    assert len({record.group for record in riverside.records("amina-diallo")}) == 1


def test_a_crash_before_the_note_is_mended_by_sending_again(riverside: Faces) -> None:
    sent(riverside, *FILES)
    HeldInstance.objects.all().delete()
    (again,) = sent(riverside, *FILES).records
    assert again.duplicate
    assert HeldInstance.objects.count() == len(FILES)
    assert len(riverside.records("amina-diallo")) == 1


def test_two_studies_sent_together_are_two_records(riverside: Faces) -> None:
    other = edited(FILES[0], lambda d: setattr(d, "StudyInstanceUID", "1.2.3"))
    other = edited(other, rename("1.2.3.4"))
    assert len(sent(riverside, FILES[0], other, FILES[1]).records) == 2
    assert sorted(map(len, contents(riverside))) == [1, 2]


def rename(uid: str) -> Callable[[FileDataset], None]:
    def edit(data_set: FileDataset) -> None:
        data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = uid

    return edit


def test_a_bad_file_stops_only_itself(riverside: Faces) -> None:
    result = sent(riverside, FILES[0], FILES[1][:-9], FILES[2])
    assert [bool(one.issues) for one in result.instances] == [False, True, False]
    assert [list(found.values()) for found in contents(riverside)] == [[FILES[0], FILES[2]]]


def test_two_different_files_with_one_uid_are_not_both_taken(riverside: Faces) -> None:
    forged = edited(FILES[0], lambda d: setattr(d, "StudyDescription", "Mallory's"))
    first, second = sent(riverside, FILES[0], forged).instances
    assert (first.new, second.new) == (True, False)
    assert second.issues[0].place == "(0008,0018) SOPInstanceUID"


def test_a_study_about_two_patients_is_refused_whole(riverside: Faces) -> None:
    def of_li_mei(data_set: FileDataset) -> None:
        data_set.IssuerOfPatientID, data_set.PatientID = mrn(LI_MEI, RIVERSIDE)

    result = sent(riverside, FILES[0], edited(FILES[1], of_li_mei), FILES[2])
    assert {one.issues[0].place for one in result.instances} == {"(0010,0020) PatientID"}
    assert result.records == ()
    assert riverside.records("amina-diallo") == riverside.records("li-mei") == []


def test_a_dry_run_tells_what_is_new_and_stores_nothing(riverside: Faces) -> None:
    assert all(one.new for one in sent(riverside, *FILES, dry_run=True).instances)
    assert riverside.records("amina-diallo") == []
    assert HeldInstance.objects.count() == 0


def test_when_storage_fails_nothing_stays_and_sending_again_succeeds(
    riverside: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise wallet.StorageDown("Storage does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(studies, "records_store", down)
        with pytest.raises(wallet.StorageDown):
            sent(riverside, *FILES)
    assert HeldInstance.objects.count() == 0
    assert len(sent(riverside, *FILES).records) == 1


def described(series: str, instance: str, number: int) -> DicomObject:
    return DicomObject("1.2", instance, "1.9", series, number, "CT", "", "", "1.2.840.10008.1.2.1", ())


UIDS = st.from_regex(r"[12](\.[1-9][0-9]{0,8}){1,5}", fullmatch=True).map(lambda uid: uid[:64])


@given(
    st.dictionaries(
        st.tuples(UIDS, UIDS), st.tuples(st.integers(0, 99), st.binary(max_size=1500)), max_size=8
    ),
    st.randoms(),
)
def test_any_archive_is_read_back_whole_and_does_not_depend_on_the_order_sent(
    files: dict[tuple[str, str], tuple[int, bytes]], dice: random.Random
) -> None:
    entries = [
        Member(described(series, uid, number), len(data), lambda data=data: io.BytesIO(data))  # type: ignore[misc]
        for (series, uid), (number, data) in files.items()
    ]
    first, second = io.BytesIO(), io.BytesIO()
    write_archive(entries, first)
    dice.shuffle(entries)
    write_archive(entries, second)
    assert first.getvalue() == second.getvalue()
    ordered = sorted(files.items(), key=lambda item: (item[0][0], item[1][0], item[0][1]))
    assert list(members(first.getvalue()).items()) == [(f"{s}/{u}.dcm", d) for (s, u), (_, d) in ordered]


def test_an_archive_tells_only_names_and_sizes() -> None:
    out = io.BytesIO()
    longest = "1." + "2" * 62
    write_archive([Member(described(longest, longest, 1), 3, lambda: io.BytesIO(b"abc"))], out)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        (header,) = archive.getmembers()
    assert header.name == f"{longest}/{longest}.dcm"
    assert (header.mtime, header.uid, header.gid, header.mode) == (0, 0, 0, 0o644)
    assert (header.uname, header.gname) == ("", "")
    assert out.getvalue()[257:265] == b"ustar\x0000"


def test_a_spool_gives_each_file_back_and_leaves_nothing_on_disk(tmp_path: Any) -> None:
    with Spool(tmp_path / "spool") as spool:
        first = spool.add(io.BytesIO(b"first" * 1000))
        spool.drop(spool.add(io.BytesIO(b"refused" * 1000)))
        second = spool.add(io.BytesIO(b"second"))
        assert list((tmp_path / "spool").iterdir()) == []
        assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
        with spool.open(first) as one, spool.open(second) as two:
            assert one.seek(-5, io.SEEK_END) == 4995
            assert (two.read(), one.read(), one.read(), one.tell()) == (b"second", b"first", b"", 5000)


@pytest.mark.full
def test_half_a_gigabyte_of_a_thousand_files_is_one_anchor_under_1_kb_in_bounded_memory(
    tmp_path: Any,
) -> None:
    command = [sys.executable, "-m", "tests.interop.large_study", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    cost = json.loads(done.stdout.splitlines()[-1])
    assert cost["new"] == 1000
    (size,), (anchor,) = cost["records"], cost["anchors"]
    assert size > 500_000_000
    assert anchor < 1000
    assert cost["peak_mib"] < 300
    assert list((tmp_path / "spool").iterdir()) == []
