"""Records in: each keyed alone, once, whole or not at all."""

import io

import pytest

from accounts.api import person_ensure
from ledger.api import b64u_decode, dumps, tagged_hash
from wallet import api as wallet
from wallet import ports
from wallet.models import Outbox, Record


def part(content, **changes):
    fields = {
        "type": "Observation",
        "label": "N",
        "group": "visit-1",
        "period_start": "2026-03-01",
        "period_end": "2026-03-01",
        "content": content,
    } | changes
    return wallet.RecordPart(**fields)


def ingest(world, *parts, person="li-mei", source="riverside"):
    return wallet.records_ingest(
        organisation_id=world.organisations[source].id, patient_id=world.people[person].id, parts=parts
    )


def test_same_bytes_twice_are_one_record(li_mei):
    first = ingest(li_mei, part(b"one"), part(b"two"), part(b"one"))
    assert [item.duplicate for item in first] == [False, False, True]
    assert first[0].record_id == first[2].record_id
    again = ingest(li_mei, part(io.BytesIO(b"two")), part(b"three"))
    assert [item.duplicate for item in again] == [True, False]
    assert again[0].record_id == first[1].record_id


def test_same_bytes_elsewhere_are_another_record(li_mei):
    """Another patient, source, type, label, group or day: nothing is joined by content."""
    made = [
        *ingest(li_mei, part(b"x")),
        *ingest(li_mei, part(b"x"), source="north-lake"),
        *ingest(li_mei, part(b"x"), person="amina-diallo"),
        *ingest(li_mei, part(b"x", type="Condition"), part(b"x", label="R"), part(b"x", group="visit-2")),
    ]
    assert not any(item.duplicate for item in made)
    assert len({item.record_id for item in made}) == 6
    assert len(set(Record.objects.values_list("digest", flat=True))) == Record.objects.count()


@pytest.mark.parametrize(
    "change",
    [
        {"type": ""},
        {"type": "no spaces"},
        {"label": "X"},
        {"group": "g" * 201},
        {"period_start": "yesterday"},
        {"period_end": "2026-3-1"},
    ],
    ids=lambda change: "-".join(change),
)
def test_one_bad_part_stores_nothing_of_the_upload(li_mei, change):
    before = (Record.objects.count(), sum(len(p.objects) for p in li_mei.providers))
    with pytest.raises(wallet.Invalid) as error:
        ingest(li_mei, part(b"good"), part(b"bad", **change))
    assert "parts[1]" in error.value.message
    assert (Record.objects.count(), sum(len(p.objects) for p in li_mei.providers)) == before


def test_storage_failing_half_way_leaves_no_record(li_mei):
    class Broken(io.BytesIO):
        reads = 0

        def read(self, size=-1, /):
            self.reads += 1
            if self.reads > 3:  # hashed once, then cut off while it is stored
                raise OSError("network share went away")
            return super().read(size)

    before = Record.objects.count()
    with pytest.raises((OSError, wallet.StorageDown)):
        ingest(li_mei, part(b"good"), part(Broken(b"y" * 100)))
    assert Record.objects.count() == before
    assert not Outbox.objects.filter(state="queued").exists()


def test_unknown_patient_or_organisation_is_not_found(world):
    stranger = person_ensure(handle="stranger", name="Stranger", role="patient")
    for organisation_id, patient_id in (
        (world.organisations["riverside"].id, stranger.id),
        (stranger.id, world.people["li-mei"].id),
    ):
        with pytest.raises(wallet.NotFound):
            wallet.records_ingest(organisation_id=organisation_id, patient_id=patient_id, parts=[part(b"x")])


def test_every_record_has_its_own_key_and_opens_with_no_other(li_mei):
    ids = [item.record_id for item in ingest(li_mei, part(b"one"), part(b"two"))]
    li_mei.settle()
    own = [wallet.record_open_own(person_id=li_mei.phone.person_id, record_id=i) for i in ids]
    keys = [li_mei.phone.data_key(each) for each in own]
    assert keys[0] != keys[1]
    assert b"".join(ports.storage().read(own[0].record.manifest, keys[0])) == b"one"
    with pytest.raises(Exception, match="data key"):
        list(ports.storage().read(own[0].record.manifest, keys[1]))


def test_anchor_commits_to_metadata_under_its_salt(li_mei):
    (made,) = ingest(li_mei, part(b"one"))
    li_mei.settle()
    record = Record.objects.get(id=made.record_id)
    anchor = li_mei.ledger.query(f"anchor/{record.anchor}").value
    metadata = {
        "record": record.id,
        "source": li_mei.organisations["riverside"].did,
        "type": "Observation",
        "label": "N",
        "group": "visit-1",
        "period": {"start": "2026-03-01", "end": "2026-03-01"},
        "size": 3,
    }
    expected = tagged_hash("salus/anchor/v1", bytes(record.anchor_salt), dumps(metadata))
    assert b64u_decode(anchor["commitment"]) == expected
    assert anchor["subject"] == li_mei.phone.keys[li_mei.organisations["riverside"].id].did
    assert (anchor["manifest"], anchor["root"]) == (record.manifest, record.root)


def test_another_patients_record_does_not_exist(li_mei):
    record_id = wallet.records_for_patient(person_id=li_mei.people["li-mei"].id)[0].record_id
    with pytest.raises(wallet.NotFound):
        wallet.record_open_own(person_id=li_mei.people["amina-diallo"].id, record_id=record_id)


def test_uploads_show_the_hospital_its_own_records_and_their_state(li_mei):
    ingest(li_mei, part(b"waits"), person="amina-diallo")
    shown = wallet.uploads_for_organisation(organisation_id=li_mei.organisations["riverside"].id)
    assert sorted(item.record.state for item in shown) == ["anchored", "anchored", "awaiting_key"]
    assert {item.patient_code for item in shown} == {li_mei.code("li-mei"), li_mei.code("amina-diallo")}
    assert wallet.uploads_for_organisation(organisation_id=li_mei.organisations["north-lake"].id) == []


def test_identifiers_are_known_to_their_organisation_only(world):
    riverside, north_lake = (world.organisations[slug].id for slug in ("riverside", "north-lake"))
    person = world.people["li-mei"].id
    mrn = wallet.Identifier(organisation_id=riverside, system="urn:mrn", value="4711")
    wallet.patient_enrol(person_id=person, identifiers=[mrn])
    wallet.patient_enrol(person_id=person, identifiers=[mrn])
    find = wallet.patient_find_by_identifier
    assert find(organisation_id=riverside, system="urn:mrn", value="4711") == person
    assert find(organisation_id=north_lake, system="urn:mrn", value="4711") is None
    with pytest.raises(wallet.Refused):
        wallet.patient_enrol(person_id=world.people["amina-diallo"].id, identifiers=[mrn])


def test_codes_are_found_as_people_type_them(world):
    person, code = world.people["li-mei"].id, world.code("li-mei")
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("0", "o").replace("1", "l")):
        assert wallet.patient_find_by_code(code=typed) == person
    assert wallet.patient_find_by_code(code="not a code") is None


def test_emergency_choice_is_kept(world):
    person = world.people["li-mei"].id
    assert wallet.patient_profile(person_id=person).emergency == "summary"
    assert wallet.patient_set_emergency_choice(person_id=person, choice="never").emergency == "never"
    with pytest.raises(wallet.Invalid):
        wallet.patient_set_emergency_choice(person_id=person, choice="always")
