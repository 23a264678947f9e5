"""Log, then release: when keys leave, and when they do not."""

import jwt
import pytest

from ledger.api import b64u_encode
from storage.api import WrongKey
from tests.wallet.devices import Tablet
from wallet import api as wallet
from wallet import ports
from wallet.core.consent import parse_artefact
from wallet.core.envelope import parse_envelope
from wallet.core.errors import CannotOpen
from wallet.core.grant import Wrap, open_grant_key, unwrap_data_key
from wallet.models import AccessEvent, ServedAccess


@pytest.fixture
def consent(li_mei):
    given = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    return given


def open_wire(world, wire, person="okafor"):
    return wallet.access_open(person_id=world.people[person].id, wire=wire)


def test_nothing_is_handed_out_before_the_consent_is_committed(li_mei):
    li_mei.ledger.hold = True
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    wallet.outbox_step()
    with pytest.raises(wallet.Refused):
        wallet.grant_for_requester(person_id=li_mei.tablet.person_id, consent_id=consent.consent_id)


def test_the_opening_is_on_the_ledger_before_the_key_leaves(li_mei, consent):
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    release = open_wire(li_mei, wire)
    assert li_mei.ledger.events[-1].tx_hash == release.tx_hash
    assert li_mei.ledger.query(f"consent/{consent.consent_id}").value["opens"] == 1


def test_no_commit_no_key(li_mei, consent):
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    li_mei.ledger.hold = True
    with pytest.raises(wallet.LedgerDown):
        open_wire(li_mei, wire)
    li_mei.ledger.down = True
    with pytest.raises(wallet.LedgerDown):
        open_wire(li_mei, wire)
    assert not ServedAccess.objects.exists()
    li_mei.ledger.down = li_mei.ledger.hold = False
    assert open_wire(li_mei, wire).wraps, "the same bytes serve when the ledger is back within 30 s"


def test_an_opening_is_served_once(li_mei, consent):
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    open_wire(li_mei, wire)
    with pytest.raises(wallet.Refused):
        open_wire(li_mei, wire)


def test_an_opening_committed_elsewhere_is_served_once_and_only_within_thirty_seconds(li_mei, consent):
    late, _ = li_mei.tablet.opening(consent.consent_id)
    soon, _ = li_mei.tablet.opening(consent.consent_id)
    li_mei.ledger.submit(late)
    li_mei.ledger.submit(soon)
    assert open_wire(li_mei, soon).wraps
    li_mei.clock.forward(31)
    with pytest.raises(wallet.Refused):
        open_wire(li_mei, late)


def test_a_device_with_a_wrong_clock_is_told(li_mei, consent):
    wire, detail = li_mei.tablet.opening(
        consent.consent_id, issued_at=li_mei.clock() + 120_000, not_after=li_mei.clock() + 300_000
    )
    with pytest.raises(wallet.Refused) as error:
        open_wire(li_mei, wire)
    assert "server_time" in error.value.next
    assert abs(detail.server_time - li_mei.clock()) < 5_000


def test_expired_consent_releases_no_key_even_before_the_timer(li_mei, consent):
    li_mei.clock.forward(3_590)
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    li_mei.clock.forward(11)
    with pytest.raises(wallet.Refused):
        open_wire(li_mei, wire)
    assert wallet.expire_step(now=li_mei.clock()) == 1
    assert li_mei.kinds("li-mei")[-1] == li_mei.kinds("okafor")[-1] == "consent.ended"
    views = wallet.consents_for_requester(person_id=li_mei.tablet.person_id)
    assert [view.state for view in views] == ["expired"]


def test_exhausted_consent_releases_no_further_key(li_mei):
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    consent = li_mei.phone.approve(request.request_id, max_opens=1)
    li_mei.settle()
    second, _ = li_mei.tablet.opening(consent.consent_id)
    assert len(li_mei.tablet.open(consent.consent_id)) == 2
    with pytest.raises(wallet.Refused):
        open_wire(li_mei, second)
    li_mei.settle()
    views = wallet.consents_for_patient(person_id=li_mei.people["li-mei"].id)
    assert [(view.state, view.opens) for view in views] == [("exhausted", 1)]


def test_mallory_with_dr_okafors_consent_gets_nothing(li_mei, consent):
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    with pytest.raises(wallet.NotFound):
        open_wire(li_mei, wire, person="mallory")
    with pytest.raises(wallet.NotFound):
        wallet.grant_for_requester(person_id=li_mei.people["mallory"].id, consent_id=consent.consent_id)


def test_opening_signed_by_another_key_is_refused(li_mei, consent):
    li_mei.tablet.access = dict.fromkeys(li_mei.tablet.access, bytes(32))
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    with pytest.raises(wallet.Invalid):
        open_wire(li_mei, wire)
    assert not AccessEvent.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"wraps": b64u_encode(bytes(32))},
        {"handles": (b64u_encode(bytes(32)),), "indices": (0,)},
        {"indices": (1, 0)},
        {"path": (b64u_encode(bytes(32)),)},
        {"author": "access:" + "A" * 22},
    ],
    ids=lambda change: "-".join(change),
)
def test_opening_that_is_not_what_it_says_never_reaches_the_ledger(li_mei, consent, change):
    wire, _ = li_mei.tablet.opening(consent.consent_id, **change)
    before = list(li_mei.ledger.submitted)
    with pytest.raises(wallet.Invalid):
        open_wire(li_mei, wire)
    assert li_mei.ledger.submitted == before


def test_revoked_credential_releases_no_key_though_the_consent_stands(li_mei, consent):
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    wallet.clinician_device_revoke(person_id=li_mei.tablet.person_id, did=li_mei.tablet.did)
    wallet.outbox_step()  # on the ledger; no projector has run
    with pytest.raises(wallet.Refused) as error:
        open_wire(li_mei, wire)
    assert "credential_revoked" in error.value.message


def test_releasing_one_record_releases_no_other(li_mei, consent):
    _, detail = li_mei.tablet.opening(consent.consent_id)
    both = [item.record.record_id for item in detail.records]
    one, detail = li_mei.tablet.opening(consent.consent_id, records=both[:1])
    release = open_wire(li_mei, one)
    assert [wrap.record_id for wrap in release.wraps] == both[:1]
    assert list(li_mei.tablet.read(release, detail)) == both[:1]
    with pytest.raises(wallet.Refused):
        list(wallet.record_ciphertext(token=release.token, record_id=both[1]))


def test_wrap_of_one_record_does_not_open_another(li_mei, consent):
    wire, detail = li_mei.tablet.opening(consent.consent_id)
    release = open_wire(li_mei, wire)
    artefact = parse_artefact(detail.artefact)
    grant_key = open_grant_key(li_mei.tablet.sealing, parse_envelope(release.sealed), artefact)
    first, second = release.wraps
    swapped = Wrap(record=second.record_id, epoch=first.epoch, wrap=first.wrap)
    with pytest.raises(CannotOpen):
        unwrap_data_key(grant_key, swapped, artefact)
    keys = li_mei.tablet.data_keys(release, detail)
    manifests = {item.record.record_id: item.record.manifest for item in detail.records}
    with pytest.raises(WrongKey):
        list(ports.storage().read(manifests[second.record_id], keys[first.record_id]))


def test_grant_key_is_sealed_to_the_tablet_that_asked(li_mei, consent):
    wire, detail = li_mei.tablet.opening(consent.consent_id)
    release = open_wire(li_mei, wire)
    stranger = Tablet(li_mei.people["mallory"].id)
    with pytest.raises(CannotOpen):
        open_grant_key(stranger.sealing, parse_envelope(release.sealed), parse_artefact(detail.artefact))


def test_token_dies_with_the_consent_and_after_five_minutes(li_mei, consent):
    wire, detail = li_mei.tablet.opening(consent.consent_id)
    release = open_wire(li_mei, wire)
    record_id = detail.records[0].record.record_id
    assert wallet.record_manifest(token=release.token, record_id=record_id)
    li_mei.clock.forward(301)
    with pytest.raises(wallet.Refused):
        list(wallet.record_ciphertext(token=release.token, record_id=record_id))
    li_mei.clock.forward(-301)
    li_mei.phone.revoke(consent)
    with pytest.raises(wallet.Refused):
        list(wallet.record_ciphertext(token=release.token, record_id=record_id))


@pytest.mark.parametrize("change", ["audience", "algorithm", "key", "unsigned"])
def test_forged_token_fetches_nothing(li_mei, consent, change):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from wallet.services.tokens import _key

    wire, detail = li_mei.tablet.opening(consent.consent_id)
    real = jwt.decode(open_wire(li_mei, wire).token, options={"verify_signature": False})
    record_id = detail.records[0].record.record_id
    token = {
        "audience": lambda: jwt.encode(real | {"aud": "salus:fhir"}, _key(), algorithm="EdDSA"),
        "algorithm": lambda: jwt.encode(real, "x" * 32, algorithm="HS256"),
        "key": lambda: jwt.encode(real, Ed25519PrivateKey.generate(), algorithm="EdDSA"),
        "unsigned": lambda: jwt.encode(real, None, algorithm="none"),
    }[change]()
    with pytest.raises(wallet.Refused):
        list(wallet.record_ciphertext(token=token, record_id=record_id))
    assert list(
        wallet.record_ciphertext(token=jwt.encode(real, _key(), algorithm="EdDSA"), record_id=record_id)
    )


def test_too_few_providers_is_said_and_nothing_wrong_returned(li_mei, consent):
    wire, detail = li_mei.tablet.opening(consent.consent_id)
    release = open_wire(li_mei, wire)
    record_id = detail.records[0].record.record_id
    whole = b"".join(wallet.record_ciphertext(token=release.token, record_id=record_id))
    for provider in li_mei.providers[:2]:
        provider.objects.clear()
    assert b"".join(wallet.record_ciphertext(token=release.token, record_id=record_id)) == whole
    li_mei.providers[2].objects.clear()
    with pytest.raises(wallet.StorageDown):
        list(wallet.record_ciphertext(token=release.token, record_id=record_id))
