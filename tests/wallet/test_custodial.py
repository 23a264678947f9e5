"""Custodial keys: what the PIN opens, and what nothing opens without it."""

import json

import pytest

from tests.wallet.conftest import PIN
from wallet import api as wallet
from wallet.core.consent import text_hash
from wallet.errors import KeyUnavailable
from wallet.models import CustodialBundle, Grant, Outbox


@pytest.fixture
def request_id(amina):
    return amina.tablet.ask(amina.code("amina-diallo")).request_id


def approve(world, request_id, pin=PIN, locale="en", **narrowing):
    return wallet.request_approve_custodial(
        person_id=world.people["amina-diallo"].id,
        request_id=request_id,
        pin=pin,
        narrowing=wallet.Narrowing(**narrowing),
        locale=locale,
    )


def test_wrong_pin_signs_nothing_and_locks_after_five(amina, request_id):
    queued = Outbox.objects.count()
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(wallet.WrongFactor) as error:
            approve(amina, request_id, pin="739155")
        assert error.value.attempts_left == left
    with pytest.raises(wallet.FactorLocked):
        approve(amina, request_id)
    assert Outbox.objects.count() == queued
    assert not Grant.objects.exists()


def test_lock_ends_by_itself_and_a_right_pin_resets_the_count(amina, request_id):
    for _ in range(5):
        with pytest.raises(wallet.WrongFactor):
            approve(amina, request_id, pin="000001")
    amina.clock.forward(15 * 60 + 1)
    assert approve(amina, request_id).custody == "custodial"
    assert CustodialBundle.objects.get().attempts == 0


def test_every_way_to_use_the_keys_counts_wrong_pins(amina, request_id):
    person = amina.people["amina-diallo"].id
    consent = approve(amina, request_id)
    record_id = wallet.records_for_patient(person_id=person)[0].record_id
    with pytest.raises(wallet.WrongFactor):
        wallet.record_open_own_custodial(person_id=person, record_id=record_id, pin="111112")
    with pytest.raises(wallet.WrongFactor):
        wallet.consent_revoke_custodial(person_id=person, consents=[consent.consent_id], pin="111112")
    assert CustodialBundle.objects.get().attempts == 2
    assert Grant.objects.get().state == "signed"


@pytest.mark.parametrize("pin", ["123456", "000000", "121212", "987654", "12345", "abcdef", ""])
def test_weak_pins_are_refused_at_set_up(world, pin):
    with pytest.raises(wallet.Invalid):
        wallet.patient_set_pin(person_id=world.people["amina-diallo"].id, pin=pin)
    assert not CustodialBundle.objects.exists()


def test_pin_is_set_once(amina):
    with pytest.raises(wallet.Refused):
        wallet.patient_set_pin(person_id=amina.people["amina-diallo"].id, pin="864209")


def test_what_was_shown_is_what_is_signed(amina, request_id):
    person = amina.people["amina-diallo"].id
    preview = wallet.request_preview_custodial(
        person_id=person, request_id=request_id, narrowing=wallet.Narrowing(), locale="zh-Hans"
    )
    assert "北湖医院" in preview.text
    assert preview.artefact["text"] == text_hash(preview.text)
    shown = {"valid_from": preview.artefact["valid_from"], "text": preview.artefact["text"]}
    amina.clock.forward(90)
    with pytest.raises(wallet.Invalid):
        approve(amina, request_id, types=["Condition"], locale="zh-Hans", **shown)
    approve(amina, request_id, locale="zh-Hans", **shown)
    assert json.loads(Grant.objects.get().artefact)["text"] == preview.artefact["text"]


def test_narrowing_takes_away_and_never_adds(amina, request_id):
    with pytest.raises(wallet.Invalid):
        approve(amina, request_id, types=["Claim"])
    with pytest.raises(wallet.Invalid):
        approve(amina, request_id, records=[])
    with pytest.raises(wallet.Invalid):
        approve(amina, request_id, date_from="2026-03-02")
    consent = approve(amina, request_id, types=["Condition", "Claim"], duration_s=10**9)
    assert consent.types == ["Condition"]
    assert consent.valid_until - consent.valid_from == 3_600_000


def test_sensitive_records_are_shared_only_when_raised_on_purpose(amina):
    amina.ingest("amina-diallo", "riverside", ("Observation", b"sensitive"), label="V")
    amina.settle()
    ask = amina.tablet.ask
    code = amina.code("amina-diallo")
    assert approve(amina, ask(code, types=["Observation"]).request_id).record_count == 1
    raised = approve(amina, ask(code, types=["Observation"]).request_id, confidentiality="V")
    assert raised.record_count == 2


def test_own_record_opens_with_the_pin(amina):
    from ledger.api import b64u_decode
    from wallet import ports

    person = amina.people["amina-diallo"].id
    record = wallet.records_for_patient(person_id=person)[0]
    own = wallet.record_open_own_custodial(person_id=person, record_id=record.record_id, pin=PIN)
    content = b"".join(ports.storage().read(record.manifest, b64u_decode(own.data_key)))
    assert content in (b"hb 11.9", b"gout")
    assert list(wallet.record_ciphertext(token=own.token, record_id=record.record_id))


def test_revoking_with_the_pin_ends_all_named_or_none(amina):
    person, code = amina.people["amina-diallo"].id, amina.code("amina-diallo")
    first, second = (approve(amina, amina.tablet.ask(code).request_id) for _ in range(2))
    amina.settle()
    with pytest.raises(wallet.NotFound):
        wallet.consent_revoke_custodial(person_id=person, consents=[first.consent_id, "A" * 22], pin=PIN)
    assert set(Grant.objects.values_list("state", flat=True)) == {"active"}
    both = [first.consent_id, second.consent_id]
    ended = wallet.consent_revoke_custodial(person_id=person, consents=both, pin=PIN)
    assert [view.state for view in ended] == ["revoked", "revoked"]
    amina.settle()
    assert amina.ledger.query(f"consent/{first.consent_id}").value["state"] == "revoked"
    with pytest.raises(wallet.Refused):
        wallet.consent_revoke_custodial(person_id=person, consents=[first.consent_id], pin=PIN)


def test_hospital_that_joined_later_gets_a_did_at_the_first_approval(amina):
    from accounts.api import organisation_ensure, person_ensure
    from tests.wallet.devices import Tablet

    late = organisation_ensure(slug="hillside", name="Hillside Clinic", kind="hospital")
    wallet.organisation_create(organisation_id=late.id)
    late.refresh_from_db()
    amina.organisations["hillside"] = late
    person = person_ensure(handle="dr-late", name="Dr Late", role="clinician", organisation=late)
    tablet = Tablet(person.id)
    tablet.register()
    amina.settle()
    consent = approve(amina, tablet.ask(amina.code("amina-diallo")).request_id)
    amina.settle()
    assert len(tablet.open(consent.consent_id)) == 2
    assert CustodialBundle.objects.get().version == 2


def test_bundle_needs_the_service_key_as_well(amina, request_id):
    import secrets

    from wallet import ports
    from wallet.vault import FileVault

    ports.bind(vault=FileVault(secrets.token_bytes(32)))
    with pytest.raises((wallet.WrongFactor, KeyUnavailable)):
        approve(amina, request_id)


def test_phones_approval_is_refused_for_a_custodial_patient(amina, request_id):
    with pytest.raises((wallet.Refused, wallet.Invalid)):
        wallet.patient_register_dids(
            person_id=amina.people["amina-diallo"].id,
            registrations=[amina.phone.make_keys(amina.organisations["riverside"].id)],
        )
