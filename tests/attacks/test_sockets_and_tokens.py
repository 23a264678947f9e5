"""Sockets from elsewhere and tokens made by someone else."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from mobile_api.api import websocket_application
from tests.interop.conftest import Faces
from tests.mobile_api.sockets import WebsocketCommunicator
from tests.wallet.conftest import World
from wallet import api as wallet
from wallet.services.tokens import _key


@pytest.fixture
def session(world: World) -> str:
    channel_layers.backends.clear()
    client = Client()
    client.force_login(world.people["li-mei"])
    return client.cookies["sessionid"].value


async def closed_with(headers: list[tuple[bytes, bytes]]) -> int | None:
    """The code with which the socket was closed; None when it stays open and answers."""
    page = WebsocketCommunicator(websocket_application, "/ws/feed", headers=headers)
    await page.connect()
    await page.send_json_to({"type": "hello", "cursor": 0})
    said = await page.receive_output(timeout=5)
    if said["type"] == "websocket.close":
        return int(said["code"])
    assert json.loads(said["text"])["type"] == "entries"
    await page.disconnect()
    return None


async def test_a_page_of_our_own_gets_its_feed(session: str) -> None:
    cookie = (b"cookie", f"sessionid={session}".encode())
    here = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    assert await closed_with([cookie, *here]) is None


@pytest.mark.parametrize(
    "origin",
    [
        b"http://mallory.example",
        b"http://localhost.mallory.example",
        b"null",
        b"",
        b"http://[",
        b"http://localhost:1",
    ],
)
async def test_a_page_of_another_site_gets_nothing_though_the_cookie_rides_along(
    session: str, origin: bytes
) -> None:
    cookie = (b"cookie", f"sessionid={session}".encode())
    assert await closed_with([cookie, (b"host", b"localhost"), (b"origin", origin)]) == 4403


async def test_a_socket_without_an_origin_or_a_session_gets_nothing(session: str) -> None:
    cookie = (b"cookie", f"sessionid={session}".encode())
    assert await closed_with([cookie, (b"host", b"localhost")]) == 4403
    here = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    assert await closed_with(here) == 4401
    assert await closed_with([(b"cookie", b"sessionid=" + b"x" * 32), *here]) == 4401


async def test_a_session_that_was_ended_opens_no_socket(world: World, session: str) -> None:
    def sign_out() -> None:
        client = Client()
        client.cookies["sessionid"] = session
        client.post("/signout/")

    await sync_to_async(sign_out)()
    here = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    assert await closed_with([(b"cookie", f"sessionid={session}".encode()), *here]) == 4401


def unpadded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forgeries(real: str) -> dict[str, str]:
    """The real token, remade in every known way of cheating a verifier."""
    header, payload, signature = real.split(".")
    head = json.loads(base64.urlsafe_b64decode(header + "=="))
    claims = jwt.decode(real, options={"verify_signature": False})
    public = _key().public_key()
    raw, pem = public.public_bytes_raw(), public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    hmac_by = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)

    def signed_with(key: bytes) -> str:
        message = f"{unpadded(head | {'alg': 'HS256'})}.{payload}"
        mac = base64.urlsafe_b64encode(hmac_by.sign(message.encode(), key)).rstrip(b"=").decode()
        return f"{message}.{mac}"

    own = Ed25519PrivateKey.generate()
    own_jwk = {"kty": "OKP", "crv": "Ed25519", "x": unpadded("x")}
    return {
        "none": f"{unpadded(head | {'alg': 'none'})}.{payload}.",
        "None": f"{unpadded(head | {'alg': 'None'})}.{payload}.",
        "no signature": f"{header}.{payload}.",
        "HS256 with the raw public key": signed_with(raw),
        "HS256 with the public key's PEM": signed_with(pem),
        "another key": jwt.encode(claims, own, algorithm="EdDSA", headers={"typ": head.get("typ")}),
        "another key that the header brings": jwt.encode(
            claims, own, algorithm="EdDSA", headers={"typ": head.get("typ"), "jwk": own_jwk}
        ),
        "other claims under the old signature": f"{header}.{unpadded(claims | {'exp': 2**40})}.{signature}",
        "another audience": _own(claims | {"aud": "https://mallory.example"}, head),
        "no audience": _own({k: v for k, v in claims.items() if k != "aud"}, head),
        "no end": _own({k: v for k, v in claims.items() if k != "exp"}, head),
        "ended": _own(claims | {"exp": int(time.time()) - 1}, head),
        "nothing": "",
        "noise": "a.b.c",
    }


def _own(claims: dict[str, Any], head: dict[str, Any]) -> str:
    """Signed by the service's very key: what a confused deputy of ours might issue."""
    return jwt.encode(claims, _key(), algorithm="EdDSA", headers={"typ": head.get("typ")})


def test_a_forged_bearer_token_opens_no_face(faces: Faces) -> None:
    def status(token: str) -> int:
        client = Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)
        return client.get("/fhir/Claim?patient=0000-0000").status_code

    assert status(faces.evergreen.token) == 403, "known, and nothing is consented"
    found = {why: status(token) for why, token in forgeries(faces.evergreen.token).items()}
    assert set(found.values()) == {401}, found


def test_a_forged_ciphertext_token_fetches_nothing(li_mei: World, consent: wallet.ConsentView) -> None:
    wire, detail = li_mei.tablet.opening(consent.consent_id)
    real = wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire).token
    record = detail.records[0].record.record_id

    def status(token: str) -> int:
        client = Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)
        return client.get(f"/api/records/{record}/ciphertext").status_code

    assert status(real) == 200
    found = {why: status(token) for why, token in forgeries(real).items()}
    assert set(found.values()) <= {401, 409}, found


def test_a_token_of_one_face_is_no_token_of_the_other(
    faces: Faces, li_mei: World, consent: wallet.ConsentView
) -> None:
    """One key signs both: type and audience keep them apart."""
    wire, detail = li_mei.tablet.opening(consent.consent_id)
    ours = wallet.access_open(person_id=li_mei.tablet.person_id, wire=wire).token
    bearer = Client(headers={"Authorization": f"Bearer {ours}"})
    assert bearer.get("/fhir/Claim?patient=0000-0000").status_code == 401
    record = detail.records[0].record.record_id
    program = Client(headers={"Authorization": f"Bearer {faces.evergreen.token}"})
    assert program.get(f"/api/records/{record}/ciphertext").status_code == 409


def test_a_stopped_programs_token_stops_with_it(faces: Faces) -> None:
    from interop.models import ApiClient

    ApiClient.objects.filter(id=faces.evergreen.client_id).update(is_active=False)
    assert faces.evergreen.get("/fhir/Claim?patient=0000-0000").status_code == 401
