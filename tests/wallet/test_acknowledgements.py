"""New records wait for the patient's word; only their own key says "mine"."""

import pytest

from ledger.api import RecordAcknowledged, decode_tx, sign_tx
from tests.wallet.conftest import PIN, World
from tests.wallet.devices import tx_header
from wallet import api as wallet
from wallet.models import Outbox, Record


def person(world: World, name: str = "li-mei"):
    return world.people[name].id


def answers(world: World, name: str = "li-mei") -> set[str]:
    return {record.answer for record in wallet.records_for_patient(person_id=person(world, name))}


def test_records_wait_for_a_word_once_they_are_on_the_ledger(li_mei: World) -> None:
    (arrived,) = wallet.records_new(person_id=person(li_mei))
    assert arrived.source.name == "Riverside General"
    assert arrived.subject == li_mei.phone.keys[li_mei.organisations["riverside"].id].did
    assert len(arrived.records) == len(arrived.anchors) == 2
    li_mei.ledger.hold = True
    li_mei.ingest("li-mei", "riverside", ("Procedure", b"not on the ledger yet"))
    li_mei.settle()
    (same,) = wallet.records_new(person_id=person(li_mei))
    assert len(same.records) == 2


def test_phone_acknowledges_and_the_ledger_says_so(li_mei: World) -> None:
    (arrived,) = wallet.records_new(person_id=person(li_mei))
    wire = li_mei.phone.acknowledges(arrived)
    told = wallet.records_acknowledge_self_held(person_id=person(li_mei), wires=[wire])
    assert {record.answer for record in told} == {"signed"}
    assert wallet.records_new(person_id=person(li_mei)) == []
    li_mei.settle()
    assert answers(li_mei) == {"acknowledged"}
    assert "records.acknowledged" in li_mei.kinds("li-mei")
    for anchor in arrived.anchors:
        assert li_mei.ledger.query(f"receipt/{anchor}").value is not None


def test_custodial_patient_acknowledges_with_the_pin(amina: World) -> None:
    me = person(amina, "amina-diallo")
    (arrived,) = wallet.records_new(person_id=me)
    names = [record.record_id for record in arrived.records]
    with pytest.raises(wallet.WrongFactor):
        wallet.records_acknowledge_custodial(person_id=me, records=names, pin="111222")
    assert not Outbox.objects.filter(type="RecordAcknowledged").exists()
    assert answers(amina, "amina-diallo") == {""}
    wallet.records_acknowledge_custodial(person_id=me, records=names, pin=PIN)
    amina.settle()
    assert answers(amina, "amina-diallo") == {"acknowledged"}
    assert sum(event.body["type"] == "RecordAcknowledged" for event in amina.ledger.events) == 1


def test_hospital_cannot_acknowledge_in_the_patients_place(li_mei: World) -> None:
    (arrived,) = wallet.records_new(person_id=person(li_mei))
    good = decode_tx(li_mei.phone.acknowledges(arrived)).body
    forged = sign_tx(good, "#device-1", b"\x07" * 32)
    with pytest.raises(wallet.Invalid):
        wallet.records_acknowledge_self_held(person_id=person(li_mei), wires=[forged])
    assert answers(li_mei) == {""}


def test_another_patients_records_are_not_to_be_answered(amina: World) -> None:
    amina.phone.set_up()
    amina.settle()
    (arrived,) = wallet.records_new(person_id=person(amina, "amina-diallo"))
    riverside = amina.organisations["riverside"].id
    mallory = amina.phone.keys[riverside]
    own = {"subject": mallory.did, "anchors": tuple(sorted(arrived.anchors))}
    wire = sign_tx(RecordAcknowledged(**tx_header(mallory.did), **own), "#device-1", mallory.signing)
    with pytest.raises(wallet.NotFound):
        wallet.records_acknowledge_self_held(person_id=person(amina), wires=[wire])
    with pytest.raises(wallet.NotFound):
        wallet.records_dispute(person_id=person(amina), records=[arrived.records[0].record_id])
    assert answers(amina, "amina-diallo") == {""}


def test_record_is_acknowledged_under_the_did_it_was_sealed_to(li_mei: World) -> None:
    (arrived,) = wallet.records_new(person_id=person(li_mei))
    other = li_mei.phone.keys[li_mei.organisations["north-lake"].id]
    own = {"subject": other.did, "anchors": tuple(sorted(arrived.anchors))}
    wire = sign_tx(RecordAcknowledged(**tx_header(other.did), **own), "#device-1", other.signing)
    with pytest.raises(wallet.Invalid):
        wallet.records_acknowledge_self_held(person_id=person(li_mei), wires=[wire])


def test_what_is_not_mine_is_told_to_the_hospital_and_to_nobody_else(li_mei: World) -> None:
    (arrived,) = wallet.records_new(person_id=person(li_mei))
    before = len(li_mei.ledger.events)
    wrong = arrived.records[0].record_id
    wallet.records_dispute(person_id=person(li_mei), records=[wrong])
    li_mei.settle()
    assert len(li_mei.ledger.events) == before
    sent = wallet.uploads_for_organisation(organisation_id=li_mei.organisations["riverside"].id)
    assert {upload.record.record_id: upload.record.answer for upload in sent}[wrong] == "disputed"
    (left,) = wallet.records_new(person_id=person(li_mei))
    assert [record.record_id for record in left.records] == [arrived.records[1].record_id]


def test_one_who_erred_may_say_mine_afterwards_but_never_the_reverse(li_mei: World) -> None:
    (arrived,) = wallet.records_new(person_id=person(li_mei))
    names = [record.record_id for record in arrived.records]
    wallet.records_dispute(person_id=person(li_mei), records=names)
    wire = li_mei.phone.acknowledges(arrived)
    wallet.records_acknowledge_self_held(person_id=person(li_mei), wires=[wire])
    with pytest.raises(wallet.Refused):
        wallet.records_dispute(person_id=person(li_mei), records=names)
    with pytest.raises(wallet.Refused):
        wallet.records_acknowledge_self_held(
            person_id=person(li_mei), wires=[li_mei.phone.acknowledges(arrived)]
        )


def test_an_answer_about_nothing_is_refused(li_mei: World) -> None:
    with pytest.raises(wallet.Invalid):
        wallet.records_dispute(person_id=person(li_mei), records=[])


def test_when_the_ledger_refuses_for_good_the_patient_is_asked_again(li_mei: World) -> None:
    (arrived,) = wallet.records_new(person_id=person(li_mei))
    li_mei.ledger.hold = True
    wallet.records_acknowledge_self_held(person_id=person(li_mei), wires=[li_mei.phone.acknowledges(arrived)])
    li_mei.clock.forward(8 * 24 * 3600)
    li_mei.settle()
    assert answers(li_mei) == {""}
    assert "acknowledgement.failed" in li_mei.kinds("li-mei")


def test_replaying_the_ledger_gives_the_same_answers(li_mei: World) -> None:
    (arrived,) = wallet.records_new(person_id=person(li_mei))
    wallet.records_acknowledge_self_held(person_id=person(li_mei), wires=[li_mei.phone.acknowledges(arrived)])
    li_mei.settle()
    Record.objects.update(answer="")
    wallet.projection_rebuild()
    assert answers(li_mei) == {"acknowledged"}
