"""Mallory has the whole database, the whole disk and every server key. What does she read? What can she sign?

Exactly this: records that still wait for a patient's key, and records granted at that moment
to an organisation whose gateway key is among the server keys. An upload in flight is in the gateway's memory.
"""

import secrets
from pathlib import Path

import msgspec
import pytest

from ledger.api import (
    ConsentGranted,
    ConsentRevoked,
    DidRotated,
    TxRejected,
    b64u_encode,
    keyset_from_json,
    next_commitment,
    sign_tx,
)
from storage.api import Policy, Storage
from storage.providers.folder import FolderProvider
from tests.attacks.loot import (
    bundle_ciphertext_opens,
    custodial_bundles_opened,
    raw_ciphertext_opens,
    records_opened,
    take_all,
)
from tests.wallet.conftest import PIN, World, register_everyone
from tests.wallet.devices import public_of, tx_header
from wallet import api as wallet
from wallet import ports
from wallet.models import CustodialBundle, Grant, PairwiseDid, Record
from wallet.services.organisation_keys import open_keys

SECRET = b'{"resourceType":"Condition","code":{"text":"asthma"}}'


@pytest.fixture
def world(empty_world: World, tmp_path: Path) -> World:
    """The consortium with its bytes in six folders on a real disk."""
    providers = [FolderProvider(f"provider-{i}", tmp_path / "storage" / f"provider-{i}") for i in range(6)]
    ports.bind(storage=Storage(list(providers), Policy(k=4, n=6)))
    register_everyone(empty_world)
    empty_world.settle()
    return empty_world


def claims_consent(world: World) -> wallet.ConsentView:
    request = wallet.organisation_request_create(
        organisation_id=world.organisations["evergreen"].id,
        person_id=None,
        patient_code=world.code("li-mei"),
        purpose="HPAYMT",
        reason="",
        types=["Claim"],
        date_from=None,
        date_to=None,
    )
    given = world.phone.approve(request.request_id)
    world.settle()
    return given


def test_everything_stolen_opens_no_record_of_a_self_held_patient(
    li_mei: World, consent: wallet.ConsentView, keys_on_disk: bytes, tmp_path: Path
) -> None:
    """While a consent lives and after the doctor has read: no envelope, no wrap, no ciphertext opens."""
    li_mei.ingest("li-mei", "riverside", ("Condition", SECRET))
    li_mei.settle()
    li_mei.tablet.open(consent.consent_id)
    loot = take_all(li_mei, keys_on_disk, tmp_path, every_value=True)
    assert any("provider-" in path for path in loot.files), "the shards are in the loot"
    assert records_opened(loot) == set()
    assert not raw_ciphertext_opens(loot)
    for path, data in loot.files.items():
        assert b"asthma" not in data, path
    assert "asthma" not in loot.database


def test_no_secret_of_phone_tablet_or_record_lies_in_the_loot(
    li_mei: World, consent: wallet.ConsentView, keys_on_disk: bytes, tmp_path: Path
) -> None:
    wire, detail = li_mei.tablet.opening(consent.consent_id)
    release = wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire)
    secrets_known = list(li_mei.tablet.data_keys(release, detail).values())
    secrets_known += [
        half for keys in li_mei.phone.keys.values() for half in (keys.signing, keys.sealing.seed)
    ]
    secrets_known += [li_mei.tablet.signing, li_mei.tablet.sealing.seed, *li_mei.tablet.access.values()]
    loot = take_all(li_mei, keys_on_disk, tmp_path)
    assert len(secrets_known) > 8
    assert [secret.hex() for secret in secrets_known if loot.holds(secret)] == []


def test_what_the_loot_does_open_is_exactly_what_is_listed(
    li_mei: World, keys_on_disk: bytes, tmp_path: Path
) -> None:
    """Without this test the one above could pass because the attack does not work."""
    awaiting = li_mei.ingest("amina-diallo", "riverside", ("Observation", b"waits for Amina's key"))
    claim = li_mei.ingest("li-mei", "riverside", ("Claim", b"a claim"))
    li_mei.settle()
    consent = claims_consent(li_mei)
    assert records_opened(take_all(li_mei, keys_on_disk, tmp_path)) == {*awaiting, *claim}
    li_mei.phone.revoke(consent)
    assert records_opened(take_all(li_mei, keys_on_disk, tmp_path)) == {*awaiting}
    wallet.patient_set_pin(person_id=li_mei.people["amina-diallo"].id, pin=PIN)
    li_mei.settle()
    assert records_opened(take_all(li_mei, keys_on_disk, tmp_path)) == set()


def test_an_expired_grant_to_a_gateway_opens_nothing_afterwards(
    li_mei: World, keys_on_disk: bytes, tmp_path: Path
) -> None:
    li_mei.ingest("li-mei", "riverside", ("Claim", b"a claim"))
    li_mei.settle()
    claims_consent(li_mei)
    li_mei.clock.forward(31 * 86_400)
    wallet.expire_step(now=li_mei.clock())
    assert records_opened(take_all(li_mei, keys_on_disk, tmp_path)) == set()


def test_everything_stolen_opens_nothing_of_a_custodial_patient_without_the_pin(
    amina: World, keys_on_disk: bytes, tmp_path: Path
) -> None:
    """Guessing the PIN offline is another matter: docs/security.md says what it costs."""
    loot = take_all(amina, keys_on_disk, tmp_path)
    assert records_opened(loot) == set()
    assert not bundle_ciphertext_opens(loot)
    assert custodial_bundles_opened(loot, ["482915", "000000"]) == set()
    assert PIN not in loot.database
    costs = [bundle.wrapped["argon2"] for bundle in CustodialBundle.objects.all()]
    assert costs == [{"passes": 3, "memory_kib": 65_536, "lanes": 4}], "what docs/security.md counts with"
    assert custodial_bundles_opened(loot, [PIN]) == {str(amina.people["amina-diallo"].id)}


def test_the_pin_alone_opens_nothing_without_the_services_key(
    amina: World, keys_on_disk: bytes, tmp_path: Path
) -> None:
    loot = take_all(amina, keys_on_disk, tmp_path)
    ports.bind(vault=type(amina.vault)(secrets.token_bytes(32)))
    assert custodial_bundles_opened(loot, [PIN]) == set()


def forgeries(world: World, did: PairwiseDid, given: wallet.ConsentView) -> list[object]:
    """A consent, a revocation and a take-over of the DID, as Mallory would write them."""
    keyset = dict(did.keyset) | {"next": next_commitment(public_of(secrets.token_bytes(32)))}
    hashed, now = b64u_encode(secrets.token_bytes(32)), world.clock()
    consent = {
        "consent": b64u_encode(secrets.token_bytes(16)),
        "subject": did.did,
        "artefact": hashed,
        "handles_root": hashed,
        "handles": 1,
        "requester": hashed,
        "organisation": hashed,
        "access_key": b64u_encode(public_of(secrets.token_bytes(32))),
        "valid_from": now,
        "valid_until": now + 60_000,
        "max_opens": 0,
        "erase_at": now + 60_000,
        "custody": "self",
    }
    return [
        ConsentGranted(**tx_header(did.did), **consent),
        ConsentRevoked(**tx_header(did.did), consent=given.consent_id, subject=did.did),
        DidRotated(
            **tx_header(did.did), did=did.did, seq=1, keyset=keyset_from_json(keyset), custody="custodial"
        ),
    ]


def test_no_server_key_signs_for_a_self_held_patient(
    li_mei: World, consent: wallet.ConsentView, keys_on_disk: bytes, tmp_path: Path
) -> None:
    """Every key under every key id, as consent, revocation and rotation: the ledger's rules refuse each."""
    loot, before = take_all(li_mei, keys_on_disk, tmp_path), len(li_mei.ledger.events)
    north_lake = li_mei.organisations["north-lake"].id
    did = PairwiseDid.objects.get(patient_id=li_mei.phone.person_id, organisation_id=north_lake)
    for body in forgeries(li_mei, did, consent):
        for seed in loot.keys:
            for key_id in ("#device-1", "#key-1"):
                with pytest.raises(TxRejected) as refusal:
                    li_mei.ledger.submit(sign_tx(body, key_id, seed))
                assert refusal.value.reason.split(":")[0] in (
                    "SIGNATURE_INVALID",
                    "KEY_UNKNOWN",
                    "NEXT_MISMATCH",
                )
    assert len(li_mei.ledger.events) == before
    assert Grant.objects.get().state == "active"


def test_a_server_cannot_consent_under_an_organisations_did_for_a_patient(
    li_mei: World, consent: wallet.ConsentView, keys_on_disk: bytes, tmp_path: Path
) -> None:
    """The keys are real, the author is registered, and still it is nobody's consent."""
    keys = open_keys(li_mei.organisations["riverside"].id)
    did = PairwiseDid.objects.filter(patient_id=li_mei.phone.person_id).first()
    assert did is not None
    body = forgeries(li_mei, did, consent)[0]
    for author, subject, code in (
        (keys.did, did.did, "CONSENT_NOT_YOURS"),
        (keys.did, keys.did, "SUBJECT_NOT_PERSON"),
    ):
        forged = msgspec.structs.replace(body, author=author, subject=subject)
        with pytest.raises(TxRejected) as refusal:
            li_mei.ledger.submit(sign_tx(forged, "#key-1", keys.signing))
        assert refusal.value.reason.startswith(code)


def test_a_consent_signed_by_the_server_does_not_pass_the_services_own_door_either(li_mei: World) -> None:
    """The approval endpoint takes the phone's signature and no other."""
    request = li_mei.tablet.ask(li_mei.code("li-mei"))
    north_lake = li_mei.organisations["north-lake"].id
    li_mei.phone.keys[north_lake].signing = secrets.token_bytes(32)
    with pytest.raises(wallet.Invalid):
        li_mei.phone.approve(request.request_id)
    assert not Grant.objects.exists()
    assert Record.objects.exists()
