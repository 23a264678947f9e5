"""Requests: who may ask, what is refused, how a request ends."""

import pytest

from ledger.api import b64u_encode
from tests.wallet.devices import Tablet, new_id
from wallet import api as wallet


def ask(world, document, signature, person="okafor"):
    return wallet.request_create(person_id=world.people[person].id, document=document, signature=signature)


def test_forged_signature_is_refused(li_mei):
    document, _ = li_mei.tablet.sign(li_mei.tablet.document(li_mei.code("li-mei")))
    with pytest.raises(wallet.Invalid):
        ask(li_mei, document, b64u_encode(bytes(64)))


def test_document_changed_after_signing_is_refused(li_mei):
    document, signature = li_mei.tablet.sign(li_mei.tablet.document(li_mei.code("li-mei")))
    with pytest.raises(wallet.Invalid):
        ask(li_mei, document.replace(b"ward round", b"wider look"), signature)


def test_not_canonical_document_is_refused(li_mei):
    document, signature = li_mei.tablet.sign(li_mei.tablet.document(li_mei.code("li-mei")))
    with pytest.raises(wallet.Invalid):
        ask(li_mei, document + b" ", signature)


def test_mallory_cannot_ask_with_dr_okafors_device(li_mei):
    document, signature = li_mei.tablet.sign(li_mei.tablet.document(li_mei.code("li-mei")))
    with pytest.raises(wallet.Refused):
        ask(li_mei, document, signature, person="mallory")


def test_device_whose_credential_is_not_yet_on_the_ledger_cannot_ask(li_mei):
    tablet = Tablet(li_mei.people["mallory"].id)
    tablet.register()
    with pytest.raises(wallet.Refused):
        tablet.ask(li_mei.code("li-mei"))


def test_revoked_device_cannot_ask(li_mei):
    wallet.clinician_device_revoke(person_id=li_mei.tablet.person_id, did=li_mei.tablet.did)
    with pytest.raises(wallet.Refused):
        li_mei.tablet.ask(li_mei.code("li-mei"))
    li_mei.settle()
    assert li_mei.kinds("okafor")[-1] == "device.revoked"


@pytest.mark.parametrize("field", ["name", "role", "organisation", "credential"])
def test_requester_cannot_name_themselves_otherwise_than_their_credential(li_mei, field):
    other = Tablet(li_mei.people["mallory"].id)
    other.register()
    document = li_mei.tablet.document(li_mei.code("li-mei"))
    values = {
        "name": "Professor Okafor",
        "role": "surgeon",
        "organisation": li_mei.organisations["riverside"].did,
        "credential": wallet.clinician_devices(person_id=other.person_id)[0].credential,
    }
    document["requester"][field] = values[field]
    with pytest.raises(wallet.Invalid):
        ask(li_mei, *li_mei.tablet.sign(document))


def test_grant_cannot_be_diverted_to_another_sealing_key(li_mei):
    stranger = Tablet(li_mei.people["mallory"].id)
    document = li_mei.tablet.document(li_mei.code("li-mei"), seal_key=stranger.seal_key)
    with pytest.raises(wallet.Invalid):
        ask(li_mei, *li_mei.tablet.sign(document))


@pytest.mark.parametrize("reused", ["id", "nonce", "access_key"])
def test_id_nonce_and_access_key_serve_once(li_mei, reused):
    first = li_mei.tablet.ask(li_mei.code("li-mei"))
    document = li_mei.tablet.document(li_mei.code("li-mei"), **{reused: first.document[reused]})
    with pytest.raises(wallet.Refused):
        ask(li_mei, *li_mei.tablet.sign(document))


def test_replayed_request_is_refused(li_mei):
    document, signature = li_mei.tablet.sign(li_mei.tablet.document(li_mei.code("li-mei")))
    ask(li_mei, document, signature)
    with pytest.raises(wallet.Refused):
        ask(li_mei, document, signature)


def test_request_made_an_hour_ago_is_refused(li_mei):
    document, signature = li_mei.tablet.sign(li_mei.tablet.document(li_mei.code("li-mei")))
    li_mei.clock.forward(3000)
    with pytest.raises(wallet.Invalid):
        ask(li_mei, document, signature)


def test_request_for_another_ledger_is_refused(li_mei):
    document = li_mei.tablet.document(li_mei.code("li-mei"), ledger="another")
    with pytest.raises(wallet.Invalid):
        ask(li_mei, *li_mei.tablet.sign(document))


def test_unknown_code_is_not_found(li_mei):
    with pytest.raises(wallet.NotFound):
        li_mei.tablet.ask("0000-0000")


def test_guessing_codes_is_slowed_down(li_mei):
    from wallet.services.requests import ASKS_PER_MINUTE

    for _ in range(ASKS_PER_MINUTE):
        with pytest.raises(wallet.NotFound):
            li_mei.tablet.ask("0000-0000")
    with pytest.raises(wallet.RateLimited):
        li_mei.tablet.ask("0000-0000")
    li_mei.clock.forward(61)
    li_mei.tablet.ask(li_mei.code("li-mei"))


def test_one_patient_is_not_flooded(li_mei):
    for _ in range(5):
        li_mei.tablet.ask(li_mei.code("li-mei"))
    with pytest.raises(wallet.Refused):
        li_mei.tablet.ask(li_mei.code("li-mei"))


def test_refused_request_tells_the_doctor_and_takes_no_approval(li_mei):
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    person = li_mei.people["li-mei"].id
    assert wallet.request_refuse(person_id=person, request_id=request.request_id).state == "refused"
    assert li_mei.kinds("okafor")[-1] == "request.refused"
    with pytest.raises(wallet.Refused):
        li_mei.phone.approve(request.request_id)
    with pytest.raises(wallet.Refused):
        wallet.request_refuse(person_id=person, request_id=request.request_id)


def test_withdrawn_request_takes_no_approval(li_mei):
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    wallet.request_withdraw(person_id=li_mei.tablet.person_id, request_id=request.request_id)
    assert li_mei.kinds("li-mei")[-1] == "request.closed"
    with pytest.raises(wallet.Refused):
        li_mei.phone.approve(request.request_id)


def test_expired_request_takes_no_approval_even_before_the_timer(li_mei):
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    wires, pack = li_mei.phone.approval(request.request_id)
    li_mei.clock.forward(3601)
    listed = wallet.requests_for_patient(person_id=li_mei.people["li-mei"].id)
    assert [item.state for item in listed] == ["expired"]
    with pytest.raises((wallet.Refused, wallet.Invalid)):
        wallet.request_approve_self_held(
            person_id=li_mei.people["li-mei"].id, request_id=request.request_id, wires=wires, pack=pack
        )
    assert wallet.expire_step(now=li_mei.clock()) == 1
    assert wallet.expire_step(now=li_mei.clock()) == 0
    assert li_mei.kinds("okafor")[-1] == "request.expired"
    assert li_mei.kinds("li-mei")[-1] == "request.closed"


def test_another_patients_request_does_not_exist_for_amina(li_mei):
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    amina = li_mei.people["amina-diallo"].id
    for call in (wallet.request_refuse, wallet.request_detail_for_patient):
        with pytest.raises(wallet.NotFound):
            call(person_id=amina, request_id=request.request_id)
    with pytest.raises(wallet.NotFound):
        wallet.request_withdraw(person_id=li_mei.people["mallory"].id, request_id=request.request_id)


def test_detail_offers_only_what_types_and_dates_cover(li_mei):
    request = li_mei.tablet.ask(li_mei.code("li-mei"), types=["Observation"])
    person = li_mei.people["li-mei"].id
    detail = wallet.request_detail_for_patient(person_id=person, request_id=request.request_id)
    assert [offer.record.type for offer in detail.records] == ["Observation"]
    assert detail.organisation_proof
    assert detail.clinician_proof
    later = li_mei.tablet.ask(li_mei.code("li-mei"), dates={"from": "2026-03-02", "to": None})
    detail = wallet.request_detail_for_patient(person_id=person, request_id=later.request_id)
    assert detail.records == [], "a record that began before the first day asked for is not offered"


def test_device_must_prove_that_it_holds_its_key(world):
    tablet, other = Tablet(world.people["okafor"].id), Tablet(world.people["okafor"].id)
    for change in (
        {"did": other.did},
        {"seal_key": other.seal_key},
        {"signature": b64u_encode(bytes(64))},
        {"challenge": "1." + new_id()},
        {"challenge": wallet.clinician_device_challenge(person_id=world.people["mallory"].id).challenge},
    ):
        with pytest.raises(wallet.Invalid):
            tablet.register(**change)
    first = tablet.register()
    assert tablet.register() == first, "the same device again is the same credential"


def test_patients_and_mallorys_with_anothers_device_get_no_credential(world):
    with pytest.raises(wallet.NotFound):
        Tablet(world.people["li-mei"].id).register()
    stolen = Tablet(world.people["mallory"].id, signing=world.tablet.signing)
    with pytest.raises(wallet.Refused):
        stolen.register()


def test_old_challenge_is_refused(world):
    tablet = Tablet(world.people["okafor"].id)
    challenge = wallet.clinician_device_challenge(person_id=tablet.person_id).challenge
    world.clock.forward(301)
    with pytest.raises(wallet.Invalid):
        tablet.register(challenge=challenge)
