"""Programs prove who they are; a token is good for five minutes, one audience and its own scopes."""

import time
import uuid
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.conf import settings
from django.test import Client

from interop.api import api_client_create
from interop.models import ApiClient
from interop.smart.clients import ASSERTION_TYPE
from interop.smart.scopes import allows, narrowed
from tests.interop.conftest import Faces, System
from tests.interop.samples import bundle, observation, patient


def granted(faces: Faces, token: str) -> bool:
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get("/fhir/Claim?patient=0000-0000")
    assert answer.status_code in (401, 403)
    return bool(answer.status_code == 403)  # known, though nothing is consented


def signing_key() -> Any:
    return load_pem_private_key(Path(settings.SALUS_TOKEN_KEY_FILE).read_bytes(), None)


def forged(faces: Faces, **changes: Any) -> str:
    """Evergreen's own token with some claims changed, signed by the service's key."""
    options = {"verify_signature": False}
    claims = jwt.decode(faces.evergreen.token, options=options) | changes
    return jwt.encode(claims, signing_key(), algorithm="EdDSA", headers={"typ": "at+jwt"})


def test_a_token_is_answered_and_may_not_be_cached(faces: Faces) -> None:
    answer = faces.evergreen.sign_in()
    assert answer.json()["expires_in"] == 300
    assert answer["Cache-Control"] == "no-store"
    assert granted(faces, answer.json()["access_token"])


def test_the_secret_is_kept_only_as_a_hash(faces: Faces) -> None:
    row = ApiClient.objects.get(id=faces.evergreen.client_id)
    assert faces.evergreen.secret not in [str(value) for value in vars(row).values()]


def test_a_token_for_something_else_is_refused(faces: Faces) -> None:
    assert granted(faces, forged(faces))
    for changes in (
        {"aud": "salus:ciphertext"},
        {"iss": "https://mallory.example"},
        {"exp": 1},
        {"sub": str(uuid.uuid4())},
    ):
        assert not granted(faces, forged(faces, **changes)), changes


def test_mallory_s_signature_and_no_signature_are_refused(faces: Faces) -> None:
    claims = jwt.decode(faces.evergreen.token, options={"verify_signature": False})
    typ = {"typ": "at+jwt"}
    assert not granted(faces, jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", headers=typ))
    assert not granted(faces, jwt.encode(claims, None, "none", headers=typ))
    assert not granted(faces, jwt.encode(claims, signing_key(), "EdDSA"))
    assert not granted(faces, "x")


def test_a_stopped_program_s_tokens_stop_with_it(faces: Faces) -> None:
    ApiClient.objects.filter(id=faces.evergreen.client_id).update(is_active=False)
    assert not granted(faces, faces.evergreen.token)
    assert faces.evergreen.sign_in().status_code == 401


def test_a_wrong_secret_gets_no_token_and_no_hint(faces: Faces) -> None:
    reference = faces.evergreen.sign_in(client_secret="wrong")
    assert (reference.status_code, reference.json()["error"]) == (401, "invalid_client")
    for form in ({"client_id": "x"}, {"client_secret": ""}, {"client_id": str(uuid.uuid4())}):
        answer = faces.evergreen.sign_in(**form)
        assert (answer.status_code, answer.content) == (401, reference.content)


def test_a_scope_beyond_the_program_s_own_is_refused(faces: Faces) -> None:
    assert faces.evergreen.sign_in(scope="system/*.rs").json()["error"] == "invalid_scope"
    assert faces.evergreen.sign_in(scope="system/Claim.s").json()["scope"] == "system/Claim.s"
    code = faces.world.code("amina-diallo")
    assert faces.evergreen.get(f"/fhir/Claim?patient={code}").status_code == 403
    answer = faces.evergreen.post("/fhir/", bundle(patient(), observation()))
    assert answer.status_code == 403


def test_scopes_cover_what_they_name() -> None:
    assert allows("system/*.c", "Claim", "c")
    assert not allows("system/*.c", "Claim", "r")
    assert not allows("system/Claim.rs", "*", "r")
    assert not allows("patient/Claim.rs", "Claim", "r")
    assert narrowed("system/*.crs", "system/Claim.rs") == "system/Claim.rs"
    assert narrowed("system/Claim.rs", "system/*.r") is None
    assert narrowed("system/Claim.rs", "system/Claim.") is None


class Signer:
    """A program that holds a key instead of a secret."""

    def __init__(self, faces: Faces) -> None:
        self.key = Ed25519PrivateKey.generate()
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        organisation = faces.world.organisations["evergreen"].id
        self.id = api_client_create(organisation_id=organisation, name="keyed", public_key=public).client_id

    def ask(self, key: Any = None, **changes: Any) -> Any:
        claims = {
            "iss": self.id,
            "sub": self.id,
            "aud": f"{settings.SALUS_PUBLIC_URL}/oauth/token",
            "exp": int(time.time()) + 200,
            "jti": str(uuid.uuid4()),
        } | changes
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(claims, key or self.key, "EdDSA"),
        }
        return Client().post("/oauth/token", form)


def test_an_assertion_is_good_once(faces: Faces) -> None:
    signer = Signer(faces)
    assert granted(faces, signer.ask(jti="a").json()["access_token"])
    assert signer.ask(jti="a").status_code == 401
    assert signer.ask(jti="b").status_code == 200


def test_an_assertion_by_another_key_or_for_another_server_is_refused(faces: Faces) -> None:
    signer = Signer(faces)
    assert signer.ask(key=Ed25519PrivateKey.generate()).status_code == 401
    assert signer.ask(aud="https://elsewhere.example/token").status_code == 401
    assert signer.ask(exp=int(time.time()) - 1).status_code == 401
    assert signer.ask(exp=int(time.time()) + 86400).status_code == 401
    assert signer.ask(iss=faces.evergreen.client_id).status_code == 401
    assert signer.ask(sub=faces.evergreen.client_id, iss=faces.evergreen.client_id).status_code == 401


def test_a_client_with_a_key_has_no_secret_to_guess(faces: Faces) -> None:
    assert System(Signer(faces).id, "").sign_in().status_code == 401


def test_the_insurer_s_page_reads_but_another_site_cannot_make_it_read(faces: Faces) -> None:
    browser = Client()
    browser.force_login(faces.world.people["clerk"])
    url = "/fhir/Claim?patient=0000-0000"
    assert browser.get(url, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 403  # no consent
    for site in ("cross-site", "same-site", "none", ""):
        assert browser.get(url, headers={"Sec-Fetch-Site": site}).status_code == 401
    body = b'{"resourceType":"Patient"}'
    same = {"Sec-Fetch-Site": "same-origin"}
    assert browser.post("/fhir/Patient", body, "application/fhir+json", headers=same).status_code == 401


def test_no_other_person_reads_the_fhir_face(faces: Faces) -> None:
    for who in ("li-mei", "okafor"):
        browser = Client()
        browser.force_login(faces.world.people[who])
        answer = browser.get("/fhir/Claim?patient=0000-0000", headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 401
