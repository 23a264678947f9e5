"""The insurer's gateway: what a consent for payment gives, and that nothing else leaks."""

import pytest

from wallet import api as wallet


@pytest.fixture
def claims(li_mei):
    li_mei.ingest("li-mei", "riverside", ("Claim", b"claim"), ("ExplanationOfBenefit", b"eob"))
    li_mei.settle()
    return li_mei


def ask(world, **changes):
    call = {
        "organisation_id": world.organisations["evergreen"].id,
        "person_id": world.people["clerk"].id,
        "patient_code": world.code("li-mei"),
        "purpose": "HPAYMT",
        "reason": "claim 1",
        "types": ["Claim", "ExplanationOfBenefit"],
        "date_from": None,
        "date_to": None,
    }
    return wallet.organisation_request_create(**(call | changes))


def read(world, organisation="evergreen", patient=None, purpose="HPAYMT", types=("Claim",)):
    records = wallet.organisation_read(
        organisation_id=world.organisations[organisation].id,
        patient_code=patient or world.code("li-mei"),
        purpose=purpose,
        types=types,
    )
    return sorted(b"".join(item.content) for item in records)


def test_every_reason_for_no_record_reads_the_same(claims):
    consent = claims.phone.approve(ask(claims, types=["Claim"]).request_id)
    claims.settle()
    tries = [
        {"patient": "0000-0000"},
        {"patient": "nonsense"},
        {"patient": claims.code("amina-diallo")},
        {"purpose": "TREAT"},
        {"types": ("ExplanationOfBenefit",)},
        {"types": ("Observation",)},
        {"types": ()},
        {"organisation": "north-lake"},
    ]
    answers = set()
    for attempt in tries:
        with pytest.raises(wallet.NoConsent) as error:
            read(claims, **attempt)
        answers.add((error.value.message, error.value.next))
    claims.phone.revoke(consent)
    with pytest.raises(wallet.NoConsent) as error:
        read(claims)
    answers.add((error.value.message, error.value.next))
    assert len(answers) == 1
    claims.settle()
    assert wallet.who_looked(person_id=claims.people["li-mei"].id) == []


def test_each_read_is_one_opening_that_the_patient_sees(claims):
    claims.phone.approve(ask(claims).request_id)
    claims.settle()
    assert read(claims, types=("Claim", "ExplanationOfBenefit")) == [b"claim", b"eob"]
    assert read(claims) == [b"claim"]
    claims.settle()
    looked = wallet.who_looked(person_id=claims.people["li-mei"].id)
    assert [len(view.records) for view in looked] == [1, 2]


def test_two_consents_give_each_record_once(claims):
    claims.phone.approve(ask(claims, types=["Claim"]).request_id)
    claims.phone.approve(ask(claims).request_id)
    claims.settle()
    assert read(claims, types=("Claim", "ExplanationOfBenefit")) == [b"claim", b"eob"]


def test_ledger_down_reads_nothing(claims):
    claims.phone.approve(ask(claims).request_id)
    claims.settle()
    claims.ledger.down = True
    with pytest.raises(wallet.LedgerDown):
        read(claims)


def test_request_is_signed_by_the_insurers_ledger_key_and_told_to_the_clerk(claims):
    from ledger.api import b64u_decode, keyset_from_json
    from wallet.core.request import parse_request, verify_request

    request = ask(claims)
    detail = wallet.request_detail_for_patient(
        person_id=claims.people["li-mei"].id, request_id=request.request_id
    )
    keyset = claims.ledger.query(f"did/{claims.organisations['evergreen'].did}").value["keyset"]
    public = keyset_from_json(keyset).public_key("#key-1")
    verify_request(parse_request(detail.request.document), b64u_decode(detail.signature), public)
    assert detail.clinician_proof is None
    wallet.request_refuse(person_id=claims.people["li-mei"].id, request_id=request.request_id)
    assert claims.kinds("clerk") == ["request.refused"]


def test_clerk_cannot_use_the_organisations_grant_as_a_person_with_another_key(claims):
    """The grant belongs to the organisation's request; its access key never leaves the gateway."""
    consent = claims.phone.approve(ask(claims).request_id)
    claims.settle()
    with pytest.raises(wallet.NotFound):
        wallet.grant_for_requester(person_id=claims.people["okafor"].id, consent_id=consent.consent_id)


def test_lists_for_the_insurers_desk(claims):
    request = ask(claims)
    evergreen = claims.organisations["evergreen"].id
    listed = wallet.requests_for_organisation(organisation_id=evergreen)
    assert [item.request_id for item in listed] == [request.request_id]
    claims.phone.approve(request.request_id)
    claims.settle()
    consents = wallet.consents_for_organisation(organisation_id=evergreen)
    assert [(view.state, view.record_count) for view in consents] == [("active", 2)]
    north_lake = claims.organisations["north-lake"].id
    claims.tablet.ask(claims.code("li-mei"))
    assert wallet.requests_for_organisation(organisation_id=north_lake) == []


def test_malformed_code_is_told_apart_before_anything_is_made(claims):
    with pytest.raises(wallet.Invalid):
        ask(claims, patient_code="no code")
    with pytest.raises(wallet.NotFound):
        ask(claims, patient_code="0000-0000")
    with pytest.raises(wallet.Invalid):
        ask(claims, purpose="CURIOSITY")
