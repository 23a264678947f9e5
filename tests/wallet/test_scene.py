"""The scene at the wallet's door: records in, consent asked and given, read, revoked."""

import pytest

from tests.wallet.conftest import PIN
from wallet import api as wallet


def test_self_held_patient_consents_and_the_doctor_reads(li_mei):
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    assert li_mei.kinds("li-mei")[-1] == "request.waiting"
    consent = li_mei.phone.approve(request.request_id)
    assert (consent.state, consent.custody) == ("signed", "self")
    li_mei.settle()
    assert "consent.active" in li_mei.kinds("okafor")
    read = li_mei.tablet.open(consent.consent_id)
    assert sorted(read.values()) == [b"asthma", b"hb 13.1"]
    li_mei.settle()
    looked = wallet.who_looked(person_id=li_mei.people["li-mei"].id)
    assert [(view.requester_name, view.purpose, len(view.records)) for view in looked] == [
        ("Dr Okafor", "TREAT", 2)
    ]
    assert li_mei.kinds("li-mei")[-2:] == ["consent.active", "access.opened"]


def test_custodial_patient_consents_with_the_pin_and_the_doctor_reads(amina):
    request = amina.tablet.ask(amina.code("amina-diallo"))
    consent = wallet.request_approve_custodial(
        person_id=amina.people["amina-diallo"].id,
        request_id=request.request_id,
        pin=PIN,
        narrowing=wallet.Narrowing(types=["Observation"]),
        locale="en",
    )
    amina.settle()
    assert list(amina.tablet.open(consent.consent_id).values()) == [b"hb 11.9"]
    assert amina.ledger.query(f"consent/{consent.consent_id}").value["custody"] == "custodial"


def test_revoked_consent_releases_no_key(li_mei):
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    opening, _ = li_mei.tablet.opening(consent.consent_id)
    li_mei.phone.revoke(consent)
    with pytest.raises(wallet.Refused):
        wallet.access_open(person_id=li_mei.tablet.person_id, wire=opening)
    li_mei.settle()
    assert li_mei.ledger.query(f"consent/{consent.consent_id}").value["state"] == "revoked"
    assert li_mei.ledger.query(f"consent/{consent.consent_id}").value["opens"] == 0
    assert li_mei.kinds("okafor")[-1] == li_mei.kinds("li-mei")[-1] == "consent.ended"
    with pytest.raises(wallet.Refused):
        li_mei.tablet.opening(consent.consent_id)


def test_revocation_on_the_ledger_alone_stops_a_releaser_that_has_not_heard_of_it(li_mei):
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    opening, _ = li_mei.tablet.opening(consent.consent_id)
    li_mei.ledger.submit(li_mei.phone.revocation(consent))  # through another service; not projected here
    with pytest.raises(wallet.Refused):
        wallet.access_open(person_id=li_mei.tablet.person_id, wire=opening)


def test_revocation_bumps_the_key_epoch_of_what_it_covered(li_mei):
    from wallet.models import Record

    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    li_mei.phone.revoke(consent)
    assert set(Record.objects.values_list("epoch", "next_epoch")) == {(1, 2)}


def test_records_of_a_patient_without_keys_wait_and_are_then_anchored(world):
    from wallet.models import PendingSeal

    world.ingest("li-mei", "riverside", ("Observation", b"hb 13.1"))
    person = world.people["li-mei"].id
    assert [record.state for record in wallet.records_for_patient(person_id=person)] == ["awaiting_key"]
    assert wallet.patient_profile(person_id=person).organisations[-1].records_waiting == 1
    world.phone.set_up()
    world.settle()
    assert [record.state for record in wallet.records_for_patient(person_id=person)] == ["anchored"]
    assert not PendingSeal.objects.exists(), "the gateway's copy of the key must be destroyed"
    own = wallet.record_open_own(
        person_id=person, record_id=wallet.records_for_patient(person_id=person)[0].record_id
    )
    assert len(world.phone.data_key(own)) == 32


def test_new_organisation_gets_its_did_with_the_approval(li_mei):
    """The patient never met Dr Okafor's hospital: the approval registers a DID and consents at once."""
    from wallet.models import PairwiseDid

    north_lake = li_mei.organisations["north-lake"].id
    PairwiseDid.objects.filter(organisation_id=north_lake).delete()
    del li_mei.phone.keys[north_lake]
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    assert len(li_mei.tablet.open(consent.consent_id)) == 2


def test_insurer_reads_claims_through_its_gateway(li_mei):
    li_mei.ingest("li-mei", "riverside", ("Claim", b"claim 1"), ("ExplanationOfBenefit", b"eob 1"))
    li_mei.settle()
    evergreen, code = li_mei.organisations["evergreen"].id, li_mei.code("li-mei")
    request = wallet.organisation_request_create(
        organisation_id=evergreen,
        person_id=li_mei.people["clerk"].id,
        patient_code=code,
        purpose="HPAYMT",
        reason="claim 1",
        types=["Claim"],
        date_from=None,
        date_to=None,
    )
    consent = li_mei.phone.approve(request.request_id)
    li_mei.settle()
    records = wallet.organisation_read(
        organisation_id=evergreen,
        patient_code=code.lower().replace("-", " "),
        purpose="HPAYMT",
        types=["Claim", "ExplanationOfBenefit"],
    )
    read = [(item.record.type, b"".join(item.content)) for item in records]
    assert read == [("Claim", b"claim 1")], "exactly what the consent covers"
    li_mei.settle()
    looked = wallet.who_looked(person_id=li_mei.people["li-mei"].id)
    assert [(view.consent_id, view.requester_name) for view in looked] == [
        (consent.consent_id, "Evergreen Mutual")
    ]
