"""Every address of the service against everyone who should not be there.

The table says who may knock where; an address that is not in it fails the test, so a new one cannot be
forgotten. What a person of the right role may see there is tested with the wallet.
"""

import re
import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.attacks.conftest import Browser
from tests.wallet.conftest import World

PUBLIC = {"everyone"}
TOKEN = {"token"}
DOORS: list[tuple[str, set[str]]] = [
    (r"$", PUBLIC),
    (r"(signin|signout|language|manifest\.webmanifest|sw\.js|i18n|offline)\b", PUBLIC),
    (r"fhir/metadata$|fhir/\.well-known/", PUBLIC),
    (r"fhir|dicomweb|oauth/token$", TOKEN),
    (r"api/records/", TOKEN),
    (r"(api/)?patient/", {"patient"}),
    (r"(api/)?clinician/", {"clinician"}),
    (r"insurer/", {"insurer"}),
    (r"oversight/", {"regulator", "operator"}),
    (r"desk/$", {"operator"}),
    (r"api/(proofs|push|ledger)/", {"patient", "clinician", "insurer", "regulator", "operator"}),
]
PEOPLE = {
    "patient": "li-mei",
    "clinician": "okafor",
    "insurer": "clerk",
    "regulator": "regulator",
    "operator": "operator",
}
VALUES = {
    "request_id": "A" * 22,
    "consent_id": "A" * 22,
    "record_id": str(uuid.UUID(int=4)),
    "tx_hash": "0" * 64,
    "patient_code": "0000-0000",
    "token": "x" * 32,
    "name": "Claim",
    "study_uid": "1.2.3",
    "height": "1",
    "source": "0",
}


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def every_route() -> list[str]:
    return sorted(set(routes(get_resolver().url_patterns)))


def address(route: str, **values: str) -> str:
    """The route with its placeholders filled."""
    known = VALUES | values
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: known[match[1]], route)


def admitted(route: str) -> set[str]:
    for pattern, who in DOORS:
        if re.match(pattern, route):
            return who
    raise AssertionError(f"{route} is not in the table of doors: say who may knock there")


def test_every_address_is_in_the_table() -> None:
    assert {route for route in every_route() if not admitted(route)} == set()
    assert len(every_route()) > 40


@pytest.mark.parametrize("role", PEOPLE)
def test_another_role_is_refused_at_every_door(everyone: World, browser: Browser, role: str) -> None:
    client = browser(everyone.people[PEOPLE[role]])
    for route in every_route():
        if role in admitted(route) or admitted(route) == PUBLIC:
            continue
        for method in ("get", "post"):
            answer = getattr(client, method)(address(route))
            if route == "oauth/token" and method == "post":
                assert answer.json()["error"] in ("unsupported_grant_type", "invalid_client")
            else:
                assert answer.status_code in (401, 403, 404, 405), (route, method, answer.status_code)


def test_a_stranger_is_sent_away_at_every_door(everyone: World, browser: Browser) -> None:
    client = browser(None)
    for route in every_route():
        if admitted(route) == PUBLIC:
            continue
        for method in ("get", "post"):
            answer = getattr(client, method)(address(route))
            assert answer.status_code in (302, 400, 401, 403, 405), (route, method, answer.status_code)
            if answer.status_code == 302:
                assert answer["Location"] == "/", route


def test_a_post_without_the_csrf_token_does_nothing_at_any_door(everyone: World, browser: Browser) -> None:
    """All doors but those for programs, which take a bearer token and no session."""
    clients = {role: browser(everyone.people[name]) for role, name in PEOPLE.items()}
    for route in every_route():
        who = admitted(route)
        if who == TOKEN:
            continue
        for role in clients if who == PUBLIC else who:
            answer = clients[role].post(address(route), "{}", content_type="application/json")
            assert answer.status_code in (403, 405), (route, role, answer.status_code)


def test_a_session_is_not_a_token(everyone: World, browser: Browser) -> None:
    """Doors for programs take no cookie, so that no other site can use a session there."""
    for name in PEOPLE.values():
        client = browser(everyone.people[name])
        for route in every_route():
            if admitted(route) == TOKEN:
                answer = client.post(address(route), "{}", content_type="application/fhir+json")
                assert answer.status_code in (400, 401, 403, 405), (route, name, answer.status_code)
                assert client.get(address(route)).status_code in (401, 403, 404, 405), (route, name)


BAD_IDS = ("%00", "..%5c..", "'--", "%F0%9F%92%80", "A" * 3000, "%ff", " ", "null", "0x10", "%E2%80%AE")


@pytest.mark.parametrize("bad", BAD_IDS, ids=[f"id-{i}" for i in range(len(BAD_IDS))])
def test_a_malformed_id_in_a_path_is_not_found_and_never_an_error(
    everyone: World, browser: Browser, bad: str
) -> None:
    everyone.ledger.proof_bundle = lambda tx_hash: bytes.fromhex(tx_hash) and {}  # as the client reads it
    everyone.phone.set_up()
    everyone.settle()
    for role, name in PEOPLE.items():
        client = browser(everyone.people[name])
        for route in every_route():
            if "<" not in route or role not in admitted(route):
                continue
            values = dict.fromkeys(VALUES, bad)
            answer = client.get(address(route, **values))
            assert answer.status_code in (301, 404, 405), (route, role, answer.status_code)


def test_signing_in_does_not_keep_a_session_that_someone_else_planted(everyone: World) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from accounts.api import sign_in_link_create

    client = Client()
    client.get("/")
    session = client.session
    session["planted"] = "by Mallory"
    session.save()
    planted = session.session_key
    client.cookies["sessionid"] = planted
    token = sign_in_link_create(
        person=everyone.people["li-mei"], now=timezone.now(), valid_for=timedelta(minutes=5)
    )
    assert client.get(f"/signin/{token}/").status_code == 302
    assert client.cookies["sessionid"].value != planted
    mallory = Client()
    mallory.cookies["sessionid"] = planted
    assert mallory.get("/patient/").status_code == 302, "the planted session is nobody's"
    assert mallory.get("/patient/")["Location"] == "/"
    assert Client().get(f"/signin/{token}/").status_code == 403, "and the link serves once"
    for name in ("httponly", "samesite"):
        assert client.cookies["sessionid"][name]


def test_a_signed_out_session_opens_nothing(everyone: World, browser: Browser) -> None:
    client = Client()
    client.force_login(everyone.people["li-mei"])
    kept = client.cookies["sessionid"].value
    client.post("/signout/")
    thief = Client()
    thief.cookies["sessionid"] = kept
    assert thief.get("/api/patient/profile").status_code == 401
