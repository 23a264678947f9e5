"""Mallory has the whole database, every provider's bytes and every server key. What does she get?

Exactly: records that wait for a patient's keys, and records granted at this moment to an organisation whose
gateway key is among the server keys. Nothing else of a self-held patient, and no signature of theirs.
"""

import json
from dataclasses import dataclass, field

import pytest
from django.apps import apps
from django.core import serializers

from ledger.api import ConsentGranted, TxRejected, b64u_decode, b64u_encode, sign_tx
from tests.wallet.devices import tx_header
from wallet import api as wallet
from wallet import ports
from wallet.core.consent import parse_artefact
from wallet.core.envelope import SealingKey, open_envelope, parse_envelope, record_key_info
from wallet.core.errors import RuleError
from wallet.core.grant import Wrap, open_grant_key, unwrap_data_key
from wallet.core.suites import HYBRID
from wallet.models import Grant, OrganisationKeys, PairwiseDid, PendingSeal, Record
from wallet.services.organisation_keys import open_keys
from wallet.services.tokens import _key


@dataclass
class Dump:
    """The database as text, and every key that the server can reach."""

    text: str
    seeds: list[bytes] = field(repr=False)

    def sealing_keys(self) -> list[SealingKey]:
        ids = ("#seal-1", "#key-1", "#issuer-1")
        return [SealingKey(id=name, suite=HYBRID, seed=seed) for seed in self.seeds for name in ids]


def take_dump(authority_seed: bytes) -> Dump:
    rows = [row for model in apps.get_app_config("wallet").get_models() for row in model.objects.all()]
    seeds = [authority_seed, _key().private_bytes_raw()]
    vault = ports.vault()
    names = ("wrap", "custody", "custody-id", "record-digest", "device-challenge")
    seeds += [vault.derive(purpose) for purpose in names]
    for row in OrganisationKeys.objects.all():
        keys = open_keys(row.organisation_id)
        seeds += [keys.signing, keys.issuer, keys.sealing.seed]
        aad = f"organisation/{row.organisation_id}/recovery".encode()
        seeds.append(vault.unwrap(bytes(row.recovery), aad))
    return Dump(serializers.serialize("json", rows), seeds)


def records_that_open(dump: Dump) -> set[str]:
    """Every record whose data key some server key gives, tried in every context an attacker can build."""
    opened = set()
    dids = list(PairwiseDid.objects.values_list("did", flat=True))
    dids += list(OrganisationKeys.objects.values_list("did", flat=True))
    waiting = {row.record_id: row.envelope for row in PendingSeal.objects.all()}
    for record in Record.objects.all():
        for envelope in filter(None, (record.envelope, waiting.get(record.id))):
            for did in dids:
                info = record_key_info(record=record.id, epoch=record.epoch, recipient=did)
                opened |= {record.id} if try_all(dump, envelope, info) else set()
    return opened | granted_that_open(dump)


def granted_that_open(dump: Dump) -> set[str]:
    opened = set()
    for grant in Grant.objects.exclude(sealed=None):
        artefact = parse_artefact(json.loads(grant.artefact))
        for key in dump.sealing_keys():
            try:
                grant_key = open_grant_key(key, parse_envelope(grant.sealed), artefact)
            except RuleError:
                continue
            for row in grant.wraps.all():
                wrap = Wrap(record=row.record_id, epoch=row.epoch, wrap=row.wrap)
                unwrap_data_key(grant_key, wrap, artefact)
                opened.add(row.record_id)
    return opened


def try_all(dump: Dump, envelope: dict, info: bytes) -> bool:
    for key in dump.sealing_keys():
        try:
            open_envelope(key, parse_envelope(envelope), info)
        except RuleError:
            continue
        return True
    return False


def test_dump_with_every_server_key_opens_no_self_held_record(li_mei, keys_on_disk):
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    li_mei.tablet.open(consent.consent_id)
    dump = take_dump(keys_on_disk)
    assert records_that_open(dump) == set()
    keys = [
        li_mei.phone.data_key(wallet.record_open_own(person_id=li_mei.phone.person_id, record_id=record_id))
        for record_id in Record.objects.values_list("id", flat=True)
    ]
    secret = keys + [half for k in li_mei.phone.keys.values() for half in (k.signing, k.sealing.seed)]
    for value in [*secret, li_mei.tablet.signing, li_mei.tablet.sealing.seed, *li_mei.tablet.access.values()]:
        assert b64u_encode(value) not in dump.text
        assert value.hex() not in dump.text
        assert value not in dump.seeds


def test_what_the_dump_opens_is_exactly_what_is_listed(li_mei, keys_on_disk):
    """Records awaiting Amina's keys, and the claim granted at this moment to the insurer's gateway."""
    awaiting = li_mei.ingest("amina-diallo", "riverside", ("Observation", b"waits"))
    claim = li_mei.ingest("li-mei", "riverside", ("Claim", b"claim"))
    li_mei.settle()
    request = wallet.organisation_request_create(
        organisation_id=li_mei.organisations["evergreen"].id,
        person_id=None,
        patient_code=li_mei.code("li-mei"),
        purpose="HPAYMT",
        reason="",
        types=["Claim"],
        date_from=None,
        date_to=None,
    )
    consent = li_mei.phone.approve(request.request_id)
    li_mei.settle()
    assert records_that_open(take_dump(keys_on_disk)) == {*awaiting, *claim}
    li_mei.phone.revoke(consent)
    assert records_that_open(take_dump(keys_on_disk)) == set(awaiting)
    wallet.patient_set_pin(person_id=li_mei.people["amina-diallo"].id, pin="739154")
    li_mei.settle()
    assert records_that_open(take_dump(keys_on_disk)) == set()


def test_no_server_key_forges_a_consent_or_a_revocation(li_mei, keys_on_disk):
    given = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    did = PairwiseDid.objects.filter(patient_id=li_mei.phone.person_id).first()
    now = li_mei.clock()
    body = ConsentGranted(
        **tx_header(did.did),
        consent="A" * 22,
        subject=did.did,
        artefact=b64u_encode(bytes(32)),
        handles_root=b64u_encode(bytes(32)),
        handles=1,
        requester=b64u_encode(bytes(32)),
        organisation=b64u_encode(bytes(32)),
        access_key=li_mei.tablet.ask(li_mei.code("li-mei")).document["access_key"],
        valid_from=now,
        valid_until=now + 60_000,
        max_opens=0,
        erase_at=now + 60_000,
        custody="self",
    )
    for seed in take_dump(keys_on_disk).seeds:
        for key_id in ("#device-1", "#key-1"):
            with pytest.raises(TxRejected) as error:
                li_mei.ledger.submit(sign_tx(body, key_id, seed))
            assert error.value.reason.startswith(("SIGNATURE_INVALID", "KEY_UNKNOWN"))
    assert given.consent_id in {grant.consent_id for grant in Grant.objects.filter(state="active")}


def test_projected_rows_cannot_open_the_door(li_mei):
    """Mallory edits the database: a consent that the ledger never saw releases nothing."""
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    opening, _ = li_mei.tablet.opening(consent.consent_id)
    li_mei.phone.revoke(consent)
    wraps = Grant.objects.get().wraps
    Grant.objects.update(state="active")
    assert set(wraps.values_list("wrap", flat=True)) == {""}, "and the wraps are gone in any case"
    li_mei.settle()
    Grant.objects.update(state="active")
    with pytest.raises(wallet.Refused):
        wallet.access_open(person_id=li_mei.tablet.person_id, wire=opening)


def test_wrapped_key_moved_to_another_row_does_not_open(world):
    riverside = world.organisations["riverside"].id
    north_lake = OrganisationKeys.objects.get(organisation_id=world.organisations["north-lake"].id)
    OrganisationKeys.objects.filter(organisation_id=riverside).update(signing=north_lake.signing)
    with pytest.raises(wallet.KeyUnavailable):
        open_keys(riverside)


def test_a_process_is_the_gateway_of_its_own_organisations_only(li_mei, settings):
    settings.SALUS_GATEWAYS = ["riverside"]
    assert li_mei.ingest("li-mei", "riverside", ("Observation", b"more"))
    with pytest.raises(wallet.KeyUnavailable):
        li_mei.ingest("li-mei", "north-lake", ("Observation", b"more"))


def test_no_key_shows_in_a_repr(li_mei):
    keys = open_keys(li_mei.organisations["riverside"].id)
    shown = repr(keys) + repr(li_mei.vault)
    for seed in (keys.signing, keys.issuer, keys.sealing.seed):
        assert repr(seed)[2:-1] not in shown
        assert b64u_encode(seed) not in shown


def test_ledger_names_neither_record_nor_person(li_mei):
    consent = li_mei.phone.approve(li_mei.tablet.ask(li_mei.code("li-mei")).request_id)
    li_mei.settle()
    li_mei.tablet.open(consent.consent_id)
    chain = b"".join(event.wire for event in li_mei.ledger.events)
    words = [b"Li Mei", b"Okafor", b"asthma", b"Observation", li_mei.code("li-mei").encode()]
    words += [record_id.encode() for record_id in Record.objects.values_list("id", flat=True)]
    words.append(li_mei.tablet.did.encode())
    assert [word for word in words if word in chain] == []
    assert b64u_decode(consent.consent_id)
