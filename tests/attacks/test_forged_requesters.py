"""Mallory asks in Dr Okafor's name. The service refuses her; and should it lie, the phone does."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.signing import SigningKey

from ledger.api import b64u_encode, dumps, loads_canonical
from tests.attacks.chain import Chain
from tests.mobile_api.conftest import Chromium, chromium, signed_in
from tests.wallet.conftest import CHAIN, World
from tests.wallet.devices import Tablet
from wallet import api as wallet
from wallet.core.request import parse_request, request_bytes, request_sign_bytes
from wallet.credential_issuer import issue_credential
from wallet.models import AccessRequest, ClinicianDevice
from wallet.services.organisation_keys import open_keys

__all__ = ["chromium"]

HOUR = 3_600_000
Change = Callable[[World, dict[str, Any]], None]


def credential(world: World, **changes: Any) -> str:
    """A credential for the tablet, signed by North Lake's real issuer key unless changed."""
    hospital = world.organisations["north-lake"]
    fields = {
        "issuer_seed": open_keys(hospital.id).issuer,
        "subject": world.tablet.did,
        "name": "Dr Okafor",
        "role": "physician",
        "organisation": hospital.did,
        "valid_from": world.clock() - HOUR,
        "valid_until": world.clock() + HOUR,
    }
    return issue_credential(**(fields | changes))


def with_credential(**changes: Any) -> Change:
    def change(world: World, document: dict[str, Any]) -> None:
        made = {key: value(world) if callable(value) else value for key, value in changes.items()}
        document["requester"]["credential"] = credential(world, **made)

    return change


def named(name: str) -> Change:
    return lambda _world, document: document["requester"].update(name=name)


def of_organisation(slug: str) -> Change:
    def change(world: World, document: dict[str, Any]) -> None:
        document["requester"]["organisation"] = world.organisations[slug].did

    return change


def as_another(_world: World, document: dict[str, Any]) -> None:
    document["requester"]["did"] = Tablet(secrets.token_bytes(16)).did  # type: ignore[arg-type]


CHEATS: dict[str, Change] = {
    "a credential of another hospital": with_credential(
        issuer_seed=lambda w: open_keys(w.organisations["riverside"].id).issuer
    ),
    "a credential that another hospital issued for this one's people": of_organisation("riverside"),
    "a credential that Mallory issued herself": with_credential(issuer_seed=secrets.token_bytes(32)),
    "an expired credential": with_credential(
        valid_from=lambda w: w.clock() - 2 * HOUR, valid_until=lambda w: w.clock() - HOUR
    ),
    "a credential that is not valid yet": with_credential(valid_from=lambda w: w.clock() + HOUR // 2),
    "a real credential that the ledger never saw": with_credential(),
    "someone else's credential": with_credential(subject=Tablet(secrets.token_bytes(16)).did),  # type: ignore[arg-type]
    "another name than the credential's": named("Professor Chen"),
    "another DID than the credential's": as_another,
}


def signed(world: World, document: dict[str, Any], seed: bytes | None = None) -> tuple[bytes, str]:
    request = parse_request(document)
    signature = SigningKey(seed or world.tablet.signing).sign(request_sign_bytes(request)).signature
    return request_bytes(request), b64u_encode(signature)


@pytest.mark.parametrize("cheat", CHEATS)
def test_the_service_refuses(world: World, cheat: str) -> None:
    document = world.tablet.document(world.code("li-mei"))
    CHEATS[cheat](world, document)
    body, signature = signed(world, document)
    with pytest.raises((wallet.Invalid, wallet.Refused)):
        wallet.request_create(person_id=world.tablet.person_id, document=body, signature=signature)
    assert not AccessRequest.objects.exists()
    assert world.kinds("li-mei") == []


def test_the_service_refuses_a_request_signed_by_another_key(world: World) -> None:
    body, signature = signed(world, world.tablet.document(world.code("li-mei")), secrets.token_bytes(32))
    with pytest.raises(wallet.Invalid):
        wallet.request_create(person_id=world.tablet.person_id, document=body, signature=signature)


def test_the_service_refuses_a_request_that_was_changed_after_signing(world: World) -> None:
    body, signature = signed(world, world.tablet.document(world.code("li-mei")))
    wider = loads_canonical(body)
    assert isinstance(wider, dict)
    with pytest.raises(wallet.Invalid):
        wallet.request_create(
            person_id=world.tablet.person_id,
            document=dumps(wider | {"duration_s": 7200}),
            signature=signature,
        )


def test_a_signed_request_that_mallory_overheard_is_not_hers_to_send(world: World) -> None:
    body, signature = signed(world, world.tablet.document(world.code("li-mei")))
    with pytest.raises(wallet.Refused):
        wallet.request_create(person_id=world.people["mallory"].id, document=body, signature=signature)


def test_an_access_key_of_another_request_is_refused(world: World) -> None:
    """Else one patient's consent would open under a key that was made for another's."""
    first = world.tablet.document(world.code("li-mei"))
    body, signature = signed(world, first)
    wallet.request_create(person_id=world.tablet.person_id, document=body, signature=signature)
    second = world.tablet.document(world.code("amina-diallo"), access_key=first["access_key"])
    body, signature = signed(world, second)
    with pytest.raises(wallet.Refused):
        wallet.request_create(person_id=world.tablet.person_id, document=body, signature=signature)


def test_a_revoked_credential_neither_asks_nor_is_answered(li_mei: World) -> None:
    waiting = li_mei.tablet.ask(li_mei.code("li-mei"))
    wallet.clinician_device_revoke(person_id=li_mei.tablet.person_id, did=li_mei.tablet.did)
    li_mei.settle()
    with pytest.raises(wallet.Refused):
        li_mei.tablet.ask(li_mei.code("li-mei"))
    with pytest.raises(wallet.Refused):
        li_mei.phone.approve(waiting.request_id)
    assert wallet.consents_for_patient(person_id=li_mei.phone.person_id) == []


def test_a_replayed_approval_changes_nothing_and_answers_no_other_request(li_mei: World) -> None:
    first = li_mei.tablet.ask(li_mei.code("li-mei"))
    wires, pack = li_mei.phone.approval(first.request_id)
    person = li_mei.phone.person_id

    def send(request_id: str) -> wallet.ConsentView:
        return wallet.request_approve_self_held(
            person_id=person, request_id=request_id, wires=wires, pack=pack
        )

    given = send(first.request_id)
    li_mei.settle()
    submitted = len(li_mei.ledger.events)
    assert send(first.request_id).consent_id == given.consent_id
    second = li_mei.tablet.ask(li_mei.code("li-mei"))
    with pytest.raises(wallet.Invalid):
        send(second.request_id)
    li_mei.phone.revoke(given)
    li_mei.settle()
    assert send(first.request_id).state == "revoked", "a replay revives nothing"
    li_mei.settle()
    assert len(li_mei.ledger.events) == submitted + 1, "the revocation alone"


# --- the phone, lied to by its own service ---------------------------------------------------------


@pytest.fixture
def chain(world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chain:
    made = Chain(CHAIN, *(bytes([i]) * 32 for i in range(1, 5)))
    made.write_genesis(tmp_path / "genesis.json")
    settings.SALUS_LEDGER_GENESIS = tmp_path / "genesis.json"
    settings.SALUS_LEDGER_RPC = ["one", "two"]
    monkeypatch.setattr("wallet.api.ledger_light_block", lambda *, source, height: made.light_block(height))
    return made


def wire_of(world: World, **wanted: str) -> bytes:
    """The committed transaction with these fields."""
    for event in world.ledger.events:
        if wanted.items() <= {k: v for k, v in event.body.items() if isinstance(v, str)}.items():
            return event.wire
    raise LookupError(wanted)


def told(world: World, chain: Chain, document: dict[str, Any], signature: str) -> dict[str, Any]:
    """What the service tells the phone of a request: true proofs, and whatever else Mallory likes."""
    hospital = world.organisations["north-lake"]
    device = ClinicianDevice.objects.get(did=world.tablet.did)
    organisation = wire_of(world, type="OrganisationRegistered", did=hospital.did)
    clinician = wire_of(world, type="ClinicianRegistered", credential=device.credential_hash)
    return {
        "ledger": CHAIN,
        "signature": signature,
        "request": {"document": document, "organisation": {"name": hospital.name, "name_zh": "北湖医院"}},
        "organisation_proof": chain.bundle(organisation),
        "clinician_proof": chain.bundle(clinician),
    }


CHECK = """async ([detail, code, now]) => {
  const { checkRequester } = await import("/static/pages/patient/check.js");
  try { return { ok: (await checkRequester(detail, code, now)).lines.length }; }
  catch (error) { return { refused: error.code ?? error.name }; }
}"""


def lies(world: World, chain: Chain) -> dict[str, tuple[dict[str, Any], str]]:
    """Each is a detail that a service in Mallory's hands might send, and the patient's code."""
    code = world.code("li-mei")
    document = world.tablet.document(code)
    body, signature = signed(world, document)
    truth = told(world, chain, msgspec.json.decode(body), signature)
    found = {"the truth": (truth, code)}
    for cheat, change in CHEATS.items():
        forged = world.tablet.document(code)
        change(world, forged)
        found[cheat] = told(world, chain, forged, signed(world, forged)[1]), code
    _, other = signed(world, document, secrets.token_bytes(32))
    found["a signature by another key"] = truth | {"signature": other}, code
    found["a request for another patient"] = truth, world.code("amina-diallo")
    found["a request for another ledger"] = truth | {"ledger": "other"}, code
    changed = truth["request"] | {"document": document | {"reason": "curiosity"}}
    found["a request changed after signing"] = truth | {"request": changed}, code
    renamed = truth["request"] | {"organisation": {"name": "Riverside General", "name_zh": ""}}
    found["an organisation named otherwise than on the ledger"] = truth | {"request": renamed}, code
    riverside = wire_of(world, type="OrganisationRegistered", did=world.organisations["riverside"].did)
    found["another hospital's registration"] = truth | {"organisation_proof": chain.bundle(riverside)}, code
    strangers = Chain(CHAIN, *(secrets.token_bytes(32) for _ in range(4)))
    wire = wire_of(world, type="OrganisationRegistered", did=world.organisations["north-lake"].did)
    found["a registration signed by other validators"] = (
        truth | {"organisation_proof": strangers.bundle(wire)},
        code,
    )
    elsewhere = Chain("other-chain", *(bytes([i]) * 32 for i in range(1, 5)))
    found["a registration of another chain"] = truth | {"organisation_proof": elsewhere.bundle(wire)}, code
    found["no proof of the credential"] = truth | {"clinician_proof": None}, code
    revocation = chain.bundle(wire)
    found["something else proven in the credential's place"] = truth | {"clinician_proof": revocation}, code
    return found


@pytest.mark.browser
def test_the_phone_refuses_every_lie_of_its_own_service(
    world: World, chain: Chain, chromium: Chromium, live_server: Any
) -> None:
    """One page, every lie in turn; the truth passes, so that a refusal means something."""
    wallet.patient_set_pin(person_id=world.people["li-mei"].id, pin="739154")
    world.settle()
    cookies = {"sessionid": signed_in(world, "li-mei").cookies["sessionid"].value}
    page = chromium.open(f"{live_server.url}/patient/looked/", cookies, 390)
    try:
        answers = {
            lie: page.evaluate(CHECK, [detail, code, world.clock()])
            for lie, (detail, code) in lies(world, chain).items()
        }
        assert answers.pop("the truth") == {"ok": 3}
        assert [lie for lie, answer in answers.items() if answer != {"refused": "not-verified"}] == []
        assert len(answers) == len(CHEATS) + 10
    finally:
        chromium.close_all()


APART = """async () => {
  const { registration } = await import("/static/pages/patient/keys.js");
  const now = Date.now();
  const made = await Promise.all(["a", "b", "c"].map((slot) => registration(slot, now)));
  return made.map(({ wire }) => JSON.parse(wire).body);
}"""


@pytest.mark.browser
def test_the_phone_signs_its_pseudonyms_with_times_drawn_apart(
    world: World, chain: Chain, chromium: Chromium, live_server: Any
) -> None:
    wallet.patient_set_pin(person_id=world.people["li-mei"].id, pin="739154")
    world.settle()
    cookies = {"sessionid": signed_in(world, "li-mei").cookies["sessionid"].value}
    page = chromium.open(f"{live_server.url}/patient/looked/", cookies, 390)
    try:
        bodies = page.evaluate(APART)
    finally:
        chromium.close_all()
    assert len({body["issued_at"] for body in bodies} | {body["not_after"] for body in bodies}) == 6
    keys = [key["public"] for body in bodies for key in body["keyset"]["keys"]]
    assert len(set(keys)) == len({body["keyset"]["next"] for body in bodies}) == 3
