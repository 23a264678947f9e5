"""What leaks beside the doors: logs, errors, push messages, addresses."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.api import sign_in_link_create
from ledger.api import b64u_encode
from mobile_api.push.bells import bell_text
from tests.attacks.conftest import Browser
from tests.attacks.loot import spellings
from tests.wallet.conftest import PIN, World
from wallet import api as wallet
from wallet.models import OrganisationKeys
from wallet.services.organisation_keys import open_keys


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any logger says, at DEBUG, as the service's own handler writes it."""
    root, written = logging.getLogger(), io.StringIO()
    ours = [h for h in root.handlers if type(h) is logging.StreamHandler]
    assert len(ours) == 1, "the handler of settings.LOGGING"
    before, level, stream = root.level, ours[0].level, ours[0].setStream(written)
    levels = {name: logging.getLogger(name).level for name in ("django", "django.request", "wallet")}
    for name in ("", *levels):
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield written
    ours[0].setStream(stream or written)
    ours[0].setLevel(level)
    root.setLevel(before)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(path, json.dumps(body), content_type="application/json")


def play(world: World) -> dict[str, bytes | str]:
    """The scene of a custodial and a self-held patient over HTTP, with mistakes; returns what was secret."""
    secret: dict[str, bytes | str] = {"pin": PIN}
    amina = world.people["amina-diallo"]
    token = sign_in_link_create(person=amina, now=timezone.now(), valid_for=timedelta(minutes=5))
    secret["sign-in token"] = token
    client = Client(raise_request_exception=False)
    client.head(f"/signin/{token}/")  # a link preview knocks: 405, and the token still lives
    assert client.get(f"/signin/{token}/").status_code == 302
    Client().get(f"/signin/{token}/")
    secret["session"] = client.cookies["sessionid"].value
    post(client, "/api/patient/pin", {"pin": "111111"})
    assert post(client, "/api/patient/pin", {"pin": PIN}).status_code == 200
    world.phone.set_up()
    world.settle()
    ids = world.ingest("amina-diallo", "riverside", ("Condition", b"gout-in-the-toe"))
    world.ingest("li-mei", "riverside", ("Condition", b"asthma"), ("Observation", b"hb"))
    world.settle()
    request = world.tablet.ask(world.code("amina-diallo"))
    to = f"/api/patient/requests/{request.request_id}"
    preview = post(client, f"{to}/preview", {"narrowing": {}, "locale": "en"}).json()
    shown = {key: preview["artefact"][key] for key in ("valid_from", "text")}
    for pin in ("482915", PIN):
        post(client, f"{to}/approve-custodial", {"pin": pin, "narrowing": shown, "locale": "en"})
    world.settle()
    own = post(client, f"/api/patient/records/{ids[0]}/open-custodial", {"pin": PIN}).json()
    secret["data key"], secret["ciphertext token"] = own["data_key"], own["token"]
    client.get(f"/api/records/{ids[0]}/ciphertext", headers={"Authorization": f"Bearer {own['token']}x"})
    given = world.phone.approve(world.tablet.ask(world.code("li-mei")).request_id)
    world.settle()
    wire, detail = world.tablet.opening(given.consent_id)
    release = wallet.access_open(person_id=world.tablet.person_id, wire=wire)
    secret |= {f"key of {record}": key for record, key in world.tablet.data_keys(release, detail).items()}
    secret["release token"] = release.token
    wire, _ = world.tablet.opening(given.consent_id)
    world.ledger.down = True
    with pytest.raises(wallet.LedgerDown):
        wallet.access_open(person_id=world.tablet.person_id, wire=wire)
    world.ledger.down = False
    world.phone.revoke(given)
    return secret


def test_no_secret_and_no_name_is_in_any_log_line(world: World, log: io.StringIO) -> None:
    secret = play(world)
    for row in OrganisationKeys.objects.all():
        keys = open_keys(row.organisation_id)
        secret |= {f"{row.did} {i}": seed for i, seed in enumerate((keys.signing, keys.sealing.seed))}
    for keys_of in world.phone.keys.values():
        secret |= {f"{keys_of.did} signing": keys_of.signing, f"{keys_of.did} sealing": keys_of.sealing.seed}
    said = log.getvalue()
    assert "/signin/" in said, "the refused link is in the log, so the search below means something"
    for name, value in secret.items():
        for text in [value] if isinstance(value, str) else spellings(value):
            assert text not in said, name
    for words in ("Li Mei", "李梅", "Amina", "Diallo", "Okafor", "gout", "asthma", "ward round"):
        assert words not in said
    for person in ("li-mei", "amina-diallo"):
        assert world.code(person) not in said


def test_a_crash_in_a_view_logs_no_token_and_no_code(world: World, log: io.StringIO) -> None:
    code, token = world.code("li-mei"), "T" * 32
    logging.getLogger("django.request").error("Internal Server Error: /signin/%s/ and %s", token, code)
    try:
        raise RuntimeError(f"eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln at {code}")
    except RuntimeError:
        logging.getLogger("wallet").exception("failed")
    said = log.getvalue()
    assert "RuntimeError" in said
    for text in (code, token, "eyJhbGciOiJFZERTQSJ9"):
        assert text not in said


def test_an_error_shown_to_a_caller_holds_no_name_and_no_key(amina: World, browser: Browser) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(amina.people["amina-diallo"])
    request = amina.tablet.ask(amina.code("amina-diallo"))
    to = f"/api/patient/requests/{request.request_id}"
    shown = {"valid_from": amina.clock(), "text": b64u_encode(bytes(32))}
    answers = [
        post(client, "/api/patient/pin", {"pin": PIN}),
        post(client, f"{to}/approve-custodial", {"pin": "482915", "narrowing": shown, "locale": "en"}),
        post(client, f"{to}/approve-custodial", {"pin": PIN, "narrowing": shown, "locale": "en"}),
        post(client, f"{to}/approve", {"wires": ["{}"], "pack": {}}),
        client.get(f"/api/patient/requests/{'A' * 22}"),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        text = answer.content.decode()
        for words in ("Amina", "Diallo", "Okafor", "gout", PIN, "482915", amina.code("amina-diallo")):
            assert words not in text


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_push_message_names_nobody_and_nothing(amina: World, language: str) -> None:
    """It passes a foreign push service; encrypted, but its words would light up a locked screen."""
    request = amina.tablet.ask(amina.code("amina-diallo"))
    message = json.loads(bell_text(request.request_id, language))
    assert set(message) == {"text", "id", "lang"}
    assert message["id"] == request.request_id
    for words in ("Amina", "Okafor", "North Lake", "北湖", "Observation", "ward", amina.code("amina-diallo")):
        assert words not in message["text"]
    assert bell_text("A" * 22, language).replace("A" * 22, request.request_id) == bell_text(
        request.request_id, language
    ), "one and the same text for everyone"


def test_the_feed_holds_ids_only(amina: World) -> None:
    amina.tablet.ask(amina.code("amina-diallo"))
    items = wallet.feed_tail(after=0)
    assert items
    allowed = {"request_id", "consent_id", "tx_hash", "record_id", "did", "organisation_id", "state"}
    for item in items:
        assert set(item.payload) <= allowed
        assert not any(" " in value or "Amina" in value for value in item.payload.values())
