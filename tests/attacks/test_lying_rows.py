"""Mallory can write the database. Rows are views: what they claim releases no key and shifts no blame."""

import secrets
from typing import Any

import pytest
from nacl.signing import SigningKey

from ledger.api import ClinicianRevoked, VerifiedValue, b64u_decode, b64u_encode, handles_root, wrap_hash
from tests.wallet.conftest import World
from tests.wallet.devices import Tablet
from wallet import api as wallet
from wallet.core.errors import CannotOpen
from wallet.models import AccessRequest, ClinicianDevice, Consent, Grant, GrantWrap, ServedAccess
from wallet.services.organisation_keys import open_keys


def refused(world: World, wire: bytes) -> None:
    with pytest.raises((wallet.Refused, wallet.Invalid)):
        wallet.access_open(person_id=world.tablet.person_id, wire=wire)
    assert not ServedAccess.objects.exists(), "nothing was handed over"


@pytest.fixture
def stolen_wraps(li_mei: World, consent: wallet.ConsentView) -> dict[str, Any]:
    """What the rows held while the consent lived: Mallory kept a copy."""
    grant = Grant.objects.get(consent_id=consent.consent_id)
    return {"sealed": grant.sealed, "wraps": dict(grant.wraps.values_list("pk", "wrap"))}


def revive(stolen: dict[str, Any]) -> None:
    Grant.objects.update(state="active", sealed=stolen["sealed"], valid_until=2**52)
    Consent.objects.update(revoked=False, valid_until=2**52, opens=0)
    for pk, wrap in stolen["wraps"].items():
        GrantWrap.objects.filter(pk=pk).update(wrap=wrap)


def test_a_revoked_consent_that_the_rows_call_active_releases_no_key(
    li_mei: World, consent: wallet.ConsentView, stolen_wraps: dict[str, Any]
) -> None:
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    li_mei.phone.revoke(consent)
    li_mei.settle()
    revive(stolen_wraps)
    refused(li_mei, wire)


def test_an_expired_consent_that_the_rows_prolong_releases_no_key(
    li_mei: World, consent: wallet.ConsentView, stolen_wraps: dict[str, Any]
) -> None:
    li_mei.clock.forward(3_601)
    wallet.expire_step(now=li_mei.clock())
    revive(stolen_wraps)
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    refused(li_mei, wire)


def test_an_expired_consent_is_refused_by_the_releasers_clock_though_the_ledgers_time_stands_still(
    li_mei: World, consent: wallet.ConsentView, stolen_wraps: dict[str, Any]
) -> None:
    """The idle night: no block since, and the reader dates the opening back. The ledger would accept it."""
    li_mei.clock.forward(3_595)
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    li_mei.ledger.submit(wire)
    assert li_mei.ledger.events[-1].body["type"] == "AccessOpened", "committed while the consent lived"
    li_mei.clock.forward(10)
    revive(stolen_wraps)
    refused(li_mei, wire)


def test_a_consent_that_the_ledger_never_saw_releases_no_key(li_mei: World) -> None:
    li_mei.ledger.hold = True
    given = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    Grant.objects.update(state="active")
    grant = Grant.objects.get()
    body = {"consent_id": given.consent_id, "subject": grant.subject, "artefact": b64u_encode(bytes(32))}
    Consent.objects.create(
        **body,
        handles_root=_root(grant),
        valid_from=grant.valid_from,
        valid_until=grant.valid_until,
        max_opens=0,
        custody="self",
        tx_hash=grant.tx_hash,
        height=1,
    )
    li_mei.ledger.hold = False
    wire, _ = li_mei.tablet.opening(given.consent_id)
    refused(li_mei, wire)


def _root(grant: Grant) -> str:
    return b64u_encode(handles_root([b64u_decode(wrap.handle) for wrap in grant.wraps.all()]))


def test_an_access_key_put_in_a_row_signs_nothing_that_the_ledger_takes(
    li_mei: World, consent: wallet.ConsentView
) -> None:
    seed = secrets.token_bytes(32)
    AccessRequest.objects.update(access_key=b64u_encode(bytes(SigningKey(seed).verify_key)))
    li_mei.tablet.access = dict.fromkeys(li_mei.tablet.access, seed)
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    refused(li_mei, wire)


def test_a_row_moved_to_mallory_gives_her_a_key_sealed_to_someone_else(
    li_mei: World, consent: wallet.ConsentView
) -> None:
    """She may become the requester in the rows, and still cannot sign the opening."""
    mallory = Tablet(li_mei.people["mallory"].id)
    mallory.access = dict.fromkeys(li_mei.tablet.access, secrets.token_bytes(32))
    AccessRequest.objects.update(person_id=mallory.person_id)
    wire, _ = mallory.opening(consent.consent_id)
    with pytest.raises(wallet.Invalid):
        wallet.access_open(person_id=mallory.person_id, wire=wire)


def test_a_wrap_that_was_changed_after_it_was_signed_for_is_not_released(
    li_mei: World, consent: wallet.ConsentView
) -> None:
    """The reader signs the hash of what leaves: another wrap must not leave in its place."""
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    for row in GrantWrap.objects.all():
        GrantWrap.objects.filter(pk=row.pk).update(wrap=b64u_encode(secrets.token_bytes(60)))
    refused(li_mei, wire)


def test_wraps_swapped_between_two_records_do_not_leave_under_the_wrong_name(
    li_mei: World, consent: wallet.ConsentView
) -> None:
    """The log would say "observation" while the key of "condition" leaves: the handle names the record."""
    first, second = GrantWrap.objects.order_by("index")
    for pk, record_id in (
        (first.pk, _spare(li_mei)),
        (second.pk, first.record_id),
        (first.pk, second.record_id),
    ):
        GrantWrap.objects.filter(pk=pk).update(record_id=record_id)
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    refused(li_mei, wire)


def _spare(world: World) -> str:
    return world.ingest("li-mei", "riverside", ("Observation", secrets.token_bytes(8)))[0]


def test_a_hash_and_wrap_changed_together_open_nothing(li_mei: World, consent: wallet.ConsentView) -> None:
    """The reader then signs for the wrong wrap and it leaves, but it is no key: AES-GCM refuses it."""
    forged = secrets.token_bytes(60)
    GrantWrap.objects.update(wrap=b64u_encode(forged), wrap_hash=b64u_encode(wrap_hash(forged)))
    wire, detail = li_mei.tablet.opening(consent.consent_id)
    release = wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire)
    with pytest.raises(CannotOpen):
        li_mei.tablet.data_keys(release, detail)


def revoke_on_the_ledger_alone(world: World) -> str:
    """The hospital revokes the credential through another service: no row here knows of it."""
    keys = open_keys(world.organisations["north-lake"].id)
    credential = ClinicianDevice.objects.get(did=world.tablet.did).credential_hash
    wire = keys.sign_body(ClinicianRevoked, world.clock(), credential=credential)
    world.ledger.submit(wire)
    return f"credential/{credential}"


def test_a_credential_revoked_on_the_ledger_alone_releases_no_key(
    li_mei: World, consent: wallet.ConsentView
) -> None:
    revoke_on_the_ledger_alone(li_mei)
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    refused(li_mei, wire)


def test_a_validator_that_proves_an_old_state_cannot_hide_that_a_credential_was_revoked(
    li_mei: World, consent: wallet.ConsentView
) -> None:
    """One of four may lie: it answers with a state that was true, and proven, before the revocation."""
    honest = li_mei.ledger.query
    credential = ClinicianDevice.objects.get(did=li_mei.tablet.did).credential_hash
    old = honest(f"credential/{credential}")
    assert not old.value["revoked"]
    key = revoke_on_the_ledger_alone(li_mei)
    for _ in range(3):  # life goes on
        _spare(li_mei)
        li_mei.settle()

    def lying(asked: str, min_height: int = 0) -> VerifiedValue:
        """What LedgerClient would accept: an old proof passes unless a later height was asked for."""
        return old if asked == key and old.height >= min_height else honest(asked, min_height)

    li_mei.ledger.query = lying
    ClinicianDevice.objects.update(state="registered")  # and the rows say what Mallory likes
    wire, _ = li_mei.tablet.opening(consent.consent_id)
    refused(li_mei, wire)
