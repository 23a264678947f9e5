"""The scene at the wallet's door: records in, consent asked and given, read, revoked."""

from wallet import api as wallet


def test_self_held_patient_consents_and_the_doctor_reads(li_mei):
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    assert li_mei.kinds("li-mei")[-1] == "request.waiting"
    consent = li_mei.phone.approve(request.request_id)
    assert consent.state == "signed"
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
