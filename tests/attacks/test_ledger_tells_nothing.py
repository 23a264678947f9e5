"""Mallory runs a validator and reads every block for years. Whom can she find, and what can she join?"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.api import LedgerEvent
from tests.wallet.conftest import PIN, World
from wallet import api as wallet
from wallet import ports
from wallet.models import PairwiseDid, Record

COMMON = {"ledger", "type", "version", "author", "nonce", "issued_at", "not_after"}
FIELDS = {
    "DidRegistered": {"did", "keyset", "custody"},
    "DidRotated": {"did", "seq", "keyset", "custody"},
    "OrganisationRegistered": {"did", "keyset", "kind", "name", "region"},
    "ClinicianRegistered": {"credential", "role", "valid_until"},
    "ClinicianRevoked": {"credential"},
    "RecordAnchored": {"anchor", "subject", "manifest", "root", "codec", "commitment"},
    "ConsentGranted": {
        *("consent", "subject", "artefact", "handles_root", "handles", "requester", "organisation"),
        *("access_key", "valid_from", "valid_until", "max_opens", "erase_at", "custody"),
    },
    "RecordAcknowledged": {"subject", "anchors"},
    "ConsentRevoked": {"consent", "subject"},
    "AccessOpened": {"consent", "handles", "indices", "path", "wraps"},
}
SUITES = r"(MLKEM768-X25519|X25519)/HKDF-SHA256/AES-256-GCM"
CLOSED = re.compile(
    r"did:salus:u[\w-]{43}|access:[\w-]{22}|[\w-]{22}|[\w-]{43}|[\w-]{1622}|b[a-z2-7]{8,127}|#[a-z0-9-]{1,32}|"
    rf"Ed25519|{SUITES}|self|custodial|hospital|insurer|regulator|research"
)
FREE = {"ledger", "type", "codec", "name", "region", "role"}  # free text, of organisations and offices only
# Where two DIDs may agree: they are the same for everyone, or name the organisation that speaks.
SHARED_BY_ALL = {"ledger", "type", "version", "custody", "codec", "max_opens", "handles", "indices", "seq"}
SHARED_BY_ALL |= {"id", "suite", "epoch", "author"}


def leaves(value: Any, field: str = "") -> Iterator[tuple[str, Any]]:
    """Every value inside with the name of the field that holds it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, field)
    else:
        yield field, value


@pytest.fixture
def populated(amina: World) -> World:
    """Both patients at all organisations: records, consents to two organisations, openings, revocations."""
    amina.phone.set_up()
    amina.settle()
    for person in ("li-mei", "amina-diallo"):
        for source in ("riverside", "north-lake"):
            amina.ingest(person, source, ("Observation", b"same bytes"), ("Claim", b"same claim"))
    amina.settle()
    _acknowledge(amina)
    given = amina.phone.approve(amina.tablet.ask(amina.code("li-mei")).request_id)
    amina.settle()
    amina.tablet.open(given.consent_id)
    amina.phone.revoke(given)
    for name in ("li-mei", "amina-diallo"):
        _insurer(amina, name)
    _custodial(amina, amina.tablet.ask(amina.code("amina-diallo")).request_id)
    device = wallet.clinician_devices(person_id=amina.tablet.person_id)[0]
    wallet.clinician_device_revoke(person_id=amina.tablet.person_id, did=device.did)
    amina.settle()
    return amina


def _acknowledge(world: World) -> None:
    li_mei, amina = world.people["li-mei"].id, world.people["amina-diallo"].id
    wires = [world.phone.acknowledges(arrived) for arrived in wallet.records_new(person_id=li_mei)]
    wallet.records_acknowledge_self_held(person_id=li_mei, wires=wires)
    records = [one.record_id for each in wallet.records_new(person_id=amina) for one in each.records]
    wallet.records_acknowledge_custodial(person_id=amina, records=records, pin=PIN)


def _custodial(world: World, request_id: str) -> None:
    wallet.request_approve_custodial(
        person_id=world.people["amina-diallo"].id,
        request_id=request_id,
        pin=PIN,
        narrowing=wallet.Narrowing(),
        locale="en",
    )
    world.settle()


def _insurer(world: World, name: str) -> None:
    evergreen = world.organisations["evergreen"].id
    request = wallet.organisation_request_create(
        organisation_id=evergreen,
        person_id=None,
        patient_code=world.code(name),
        purpose="HPAYMT",
        reason="claim 1",
        types=["Claim"],
        date_from=None,
        date_to=None,
    )
    if name == "li-mei":
        world.phone.approve(request.request_id)
    else:
        _custodial(world, request.request_id)
    world.settle()
    read = wallet.organisation_read(
        organisation_id=evergreen, patient_code=world.code(name), purpose="HPAYMT", types=["Claim"]
    )
    assert len(list(read)) >= 2


def test_every_transaction_holds_the_allowed_fields_in_closed_forms_only(populated: World) -> None:
    seen = set()
    for event in populated.ledger.events:
        seen.add(event.body["type"])
        assert set(event.body) == COMMON | FIELDS[event.body["type"]]
        for field, value in leaves(event.body):
            assert type(value) is int or field in FREE or CLOSED.fullmatch(value), (field, value)
    assert seen == set(FIELDS) - {"DidRotated"}, "the ledger is populated with every kind there is"


def test_free_text_is_about_organisations_and_offices(populated: World) -> None:
    names = {organisation.name for organisation in populated.organisations.values()}
    for event in populated.ledger.events:
        assert event.body.get("name", "") in names | {""}
        assert event.body.get("role", "physician") == "physician"


def test_no_word_of_a_person_or_a_record_is_on_the_ledger(populated: World) -> None:
    chain = b"".join(event.wire for event in populated.ledger.events)
    words = ["Li Mei", "李梅", "Amina", "Diallo", "Okafor", "Observation", "Condition", "TREAT", "HPAYMT"]
    words += [populated.code(name) for name in ("li-mei", "amina-diallo")]
    words += [populated.code(name).replace("-", "") for name in ("li-mei", "amina-diallo")]
    words += [*Record.objects.values_list("id", flat=True), *Record.objects.values_list("digest", flat=True)]
    words += [str(person.id) for person in populated.people.values()]
    words += [str(organisation.id) for organisation in populated.organisations.values()]
    words += ["did:key:", populated.tablet.did, "2026-03-01", "visit-1"]
    assert [word for word in words if word.encode() in chain] == []


def told_of(events: list[LedgerEvent]) -> dict[str, set[tuple[str, Any]]]:
    """Everything the ledger tells of each person's DID, openings under its consents included."""
    owner = {e.body["consent"]: e.body["subject"] for e in events if e.body["type"] == "ConsentGranted"}
    told: dict[str, set[tuple[str, Any]]] = defaultdict(set)
    for event in events:
        body = event.body
        subject = body.get("subject") or owner.get(body.get("consent", "")) or body.get("did")
        told[str(subject)] |= {leaf for leaf in leaves(body) if leaf[0] not in SHARED_BY_ALL}
    return told


@pytest.mark.parametrize("name", ["amina-diallo", "li-mei"])
def test_no_two_of_a_patients_pseudonyms_can_be_joined_by_a_value(populated: World, name: str) -> None:
    """Li Mei's phone is the tests' own and signs in one instant; the real one draws its times apart, too."""
    unlike = {"issued_at", "not_after"} if name == "li-mei" else set()
    told = told_of(populated.ledger.events)
    person = populated.people[name].id
    dids = list(PairwiseDid.objects.filter(patient_id=person).values_list("did", flat=True))
    assert len(dids) == 4
    for one in dids:
        for other in dids:
            both = ({value for field, value in told[did] if field not in unlike} for did in (one, other))
            joined = set.intersection(*both)
            assert one == other or not joined


def test_pseudonyms_made_in_one_moment_do_not_bear_one_time(world: World) -> None:
    """All are made in the millisecond of one call; the times that they are signed with are drawn apart."""
    moment = world.clock()
    ports.bind(clock=lambda: moment)
    wallet.patient_set_pin(person_id=world.people["amina-diallo"].id, pin=PIN)
    ports.bind(clock=world.clock)
    world.settle()
    bodies = [e.body for e in world.ledger.events if e.body["type"] == "DidRegistered"]
    times = [body["issued_at"] for body in bodies] + [body["not_after"] for body in bodies]
    assert len(bodies) == 4
    assert len(set(times)) == 8


def test_the_same_bytes_at_two_hospitals_look_like_two_records(populated: World) -> None:
    anchors = [e.body for e in populated.ledger.events if e.body["type"] == "RecordAnchored"]
    for field in ("anchor", "manifest", "root", "commitment"):
        assert len({body[field] for body in anchors}) == len(anchors)


def test_a_consent_does_not_tell_who_may_read(populated: World) -> None:
    """Two consents to one insurer share nothing by which a validator could see that it is one insurer."""
    consents = [e.body for e in populated.ledger.events if e.body["type"] == "ConsentGranted"]
    assert len(consents) == 4
    for field in ("requester", "organisation", "access_key", "artefact", "handles_root"):
        assert len({body[field] for body in consents}) == len(consents)
