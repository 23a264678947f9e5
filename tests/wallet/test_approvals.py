"""Approvals: what a server refuses to keep, whoever signed it."""

import pytest

from ledger.api import b64u_encode
from wallet import api as wallet
from wallet.models import Grant, Outbox


@pytest.fixture
def request_id(li_mei):
    return li_mei.tablet.ask(li_mei.code("li-mei")).request_id


def hand_over(world, request_id, wires, pack, person="li-mei"):
    return wallet.request_approve_self_held(
        person_id=world.people[person].id, request_id=request_id, wires=wires, pack=pack
    )


def refused(world, request_id, error=wallet.Invalid, **changes):
    queued = Outbox.objects.count()
    with pytest.raises(error):
        world.phone.approve(request_id, **changes)
    assert not Grant.objects.exists()
    assert Outbox.objects.count() == queued, "nothing of a refused approval may reach the ledger"


def test_replayed_approval_is_the_same_consent_once(li_mei, request_id):
    wires, pack = li_mei.phone.approval(request_id)
    first = hand_over(li_mei, request_id, wires, pack)
    assert hand_over(li_mei, request_id, wires, pack) == first
    li_mei.settle()
    assert hand_over(li_mei, request_id, wires, pack).state == "active"
    assert Outbox.objects.filter(type="ConsentGranted").count() == 1
    assert li_mei.kinds("okafor").count("consent.active") == 1


def test_second_answer_to_one_request_is_refused(li_mei, request_id):
    li_mei.phone.approve(request_id)
    with pytest.raises(wallet.Refused):
        li_mei.phone.approve(request_id)


def test_approval_replayed_for_another_request_is_refused(li_mei, request_id):
    wires, pack = li_mei.phone.approval(request_id)
    hand_over(li_mei, request_id, wires, pack)
    other = li_mei.tablet.ask(li_mei.code("li-mei")).request_id
    with pytest.raises(wallet.Invalid):
        hand_over(li_mei, other, wires, pack)


def test_revoked_consent_is_not_revived_by_its_old_approval(li_mei, request_id):
    wires, pack = li_mei.phone.approval(request_id)
    consent = hand_over(li_mei, request_id, wires, pack)
    li_mei.settle()
    li_mei.phone.revoke(consent)
    assert hand_over(li_mei, request_id, wires, pack).state == "revoked"
    li_mei.settle()
    assert Grant.objects.get().sealed is None


def test_consent_revoked_before_its_commit_never_becomes_active(li_mei, request_id):
    consent = li_mei.phone.approve(request_id)
    li_mei.phone.revoke(consent)
    li_mei.settle()
    assert Grant.objects.get().state == "revoked"
    assert "consent.active" not in li_mei.kinds("okafor")
    assert li_mei.ledger.query(f"consent/{consent.consent_id}").value["state"] == "revoked"


@pytest.mark.parametrize(
    "changes",
    [
        {"types": ("Condition", "Observation", "Claim")},
        {"purpose": "HPAYMT"},
        {"mode": "store"},
        {"request": b64u_encode(bytes(32))},
        {"text": b64u_encode(bytes(32))},
        {"ledger": "another"},
        {"body": {"handles": 3}},
        {"body": {"max_opens": 1}},
        {"body": {"custody": "custodial"}},
        {"body": {"access_key": b64u_encode(bytes(31) + b"\1")}},
        {"body": {"artefact": b64u_encode(bytes(32))}},
        {"body": {"requester": b64u_encode(bytes(32))}},
        {"body": {"organisation": b64u_encode(bytes(32))}},
        {"body": {"handles_root": b64u_encode(bytes(32))}},
        {"body": {"ledger": "another"}},
    ],
    ids=lambda changes: "-".join(changes.get("body", changes)),
)
def test_consent_that_is_wider_or_not_what_it_says_is_refused(li_mei, request_id, changes):
    refused(li_mei, request_id, **changes)


def test_longer_time_than_asked_is_refused(li_mei, request_id):
    refused(li_mei, request_id, valid_until=li_mei.clock() + 7_200_000, erase_at=li_mei.clock() + 7_200_000)


def test_narrower_consent_is_kept(li_mei, request_id):
    consent = li_mei.phone.approve(
        request_id, types=("Condition",), valid_until=li_mei.clock() + 60_000, max_opens=1
    )
    assert (consent.types, consent.record_count, consent.max_opens) == (["Condition"], 1, 1)


def test_sensitive_record_above_the_signed_ceiling_is_refused(li_mei):
    li_mei.ingest("li-mei", "riverside", ("Observation", b"sensitive"), label="R")
    li_mei.settle()
    request = li_mei.tablet.ask(li_mei.code("li-mei"), types=["Observation"])
    person = li_mei.people["li-mei"].id
    detail = wallet.request_detail_for_patient(person_id=person, request_id=request.request_id)
    everything = [offer.record.record_id for offer in detail.records]
    refused(li_mei, request.request_id, records=everything)
    assert li_mei.phone.approve(request.request_id, records=everything, confidentiality="R").record_count == 2


def test_wrap_of_an_old_key_epoch_is_refused(li_mei, request_id):
    person = li_mei.people["li-mei"].id
    record = wallet.records_for_patient(person_id=person)[0]
    refused(li_mei, request_id, epochs={record.record_id: 7})


def test_pack_with_anothers_salt_or_wraps_is_refused(li_mei, request_id):
    wires, pack = li_mei.phone.approval(request_id)
    for change in (
        {"salt": b64u_encode(bytes(32))},
        {"wraps": pack["wraps"][:1]},
        {"wraps": pack["wraps"][::-1]},
        {"sealed": pack["sealed"] | {"key": "#seal-2"}},
        {"more": 1},
    ):
        with pytest.raises(wallet.Invalid):
            hand_over(li_mei, request_id, wires, pack | change)
    hand_over(li_mei, request_id, wires, pack)


def test_consent_signed_by_mallorys_key_is_refused(li_mei, request_id):
    keys = li_mei.phone.keys[li_mei.organisations["north-lake"].id]
    real = keys.signing
    keys.signing = bytes(32)
    wires, pack = li_mei.phone.approval(request_id)
    keys.signing = real
    with pytest.raises(wallet.Invalid):
        hand_over(li_mei, request_id, wires, pack)


def test_consent_under_the_did_of_another_organisation_is_refused(li_mei, request_id):
    """A DID used with two organisations would let them join what they know of the patient."""
    keys = li_mei.phone.keys
    north_lake, riverside = (li_mei.organisations[slug].id for slug in ("north-lake", "riverside"))
    keys[north_lake] = keys[riverside]
    with pytest.raises(wallet.Invalid):
        li_mei.phone.approve(request_id)


def test_amina_cannot_answer_for_li_mei(li_mei, request_id):
    wires, pack = li_mei.phone.approval(request_id)
    with pytest.raises(wallet.NotFound):
        hand_over(li_mei, request_id, wires, pack, person="amina-diallo")


def test_record_of_another_patient_is_refused(li_mei, request_id):
    """Even with a data key in hand, a record that is not Li Mei's cannot be granted by her."""
    from wallet.models import Record

    stolen = wallet.records_for_patient(person_id=li_mei.people["li-mei"].id)[0].record_id
    wires, pack = li_mei.phone.approval(request_id)
    Record.objects.filter(id=stolen).update(patient_id=li_mei.people["amina-diallo"].id)
    with pytest.raises(wallet.Invalid):
        hand_over(li_mei, request_id, wires, pack)


def test_consent_refused_by_the_ledger_fails_with_its_keys_wiped(li_mei, request_id):
    consent = li_mei.phone.approve(request_id)
    li_mei.clock.forward(8 * 86_400)  # the ledger was away for longer than the transaction lives
    li_mei.settle()
    grant = Grant.objects.get(consent_id=consent.consent_id)
    assert (grant.state, grant.sealed) == ("rejected", None)
    assert "TX_EXPIRED" in grant.reason
    assert set(grant.wraps.values_list("wrap", flat=True)) == {""}
    assert li_mei.kinds("li-mei")[-1] == li_mei.kinds("okafor")[-1] == "consent.failed"


def test_did_is_registered_once_per_organisation(li_mei):
    riverside = li_mei.organisations["riverside"].id
    person = li_mei.people["li-mei"].id
    again = li_mei.phone.make_keys(riverside)
    with pytest.raises(wallet.Refused):
        wallet.patient_register_dids(person_id=person, registrations=[again])


def test_one_did_for_two_organisations_is_refused(world):
    riverside, north_lake = (world.organisations[slug].id for slug in ("riverside", "north-lake"))
    first = world.phone.make_keys(riverside)
    same = wallet.DidRegistration(organisation_id=north_lake, wire=first.wire)
    with pytest.raises(wallet.Refused):
        wallet.patient_register_dids(person_id=world.phone.person_id, registrations=[first, same])
    assert wallet.patient_profile(person_id=world.phone.person_id).custody == "", "all or nothing"


def test_registration_for_a_key_set_that_is_not_the_dids_is_refused(world):
    riverside = world.organisations["riverside"].id
    wire = world.phone.make_keys(riverside).wire
    forged = wire.replace(b'"custody":"self"', b'"custody":"custodial"')
    for bad in (forged, wire[:-1], b"{}"):
        with pytest.raises(wallet.Invalid):
            wallet.patient_register_dids(
                person_id=world.phone.person_id,
                registrations=[wallet.DidRegistration(organisation_id=riverside, wire=bad)],
            )
