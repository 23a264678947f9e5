"""An operator registers, lists and stops programs from the command line."""

import io
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.api import organisation_ensure
from tests.interop.conftest import Faces


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("api_client", *words, stdout=out)
    return out.getvalue()


def token_answer(client_id: str, secret: str) -> int:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return Client().post("/oauth/token", form).status_code


def test_a_program_is_registered_listed_and_stopped(faces: Faces) -> None:
    lines = run("create", "--organisation", "riverside", "--name", "laboratory system").splitlines()
    client_id, secret = lines[0].split()[1], lines[1].split()[1]
    assert token_answer(client_id, secret) == 200
    listed = run("list")
    assert f"{client_id}  active" in listed
    assert secret not in listed
    run("stop", client_id)
    assert f"{client_id}  stopped" in run("list")
    assert token_answer(client_id, secret) == 401


def test_a_program_with_a_key_has_no_secret(faces: Faces, tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    public = Ed25519PrivateKey.generate().public_key()
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    told = run("create", "--organisation", "riverside", "--name", "gateway", "--public-key", str(pem))
    assert "secret" not in told


def test_what_cannot_be_registered_is_said(faces: Faces, tmp_path: Path) -> None:
    organisation_ensure(slug="authority", name="Regional Health Authority", kind="regulator")
    other = tmp_path / "x25519.pem"
    public = X25519PrivateKey.generate().public_key()
    other.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    no_pem = tmp_path / "no.pem"
    no_pem.write_text("hello")
    for words, why in (
        (("create", "--organisation", "nowhere", "--name", "x"), "no organisation 'nowhere'"),
        (("create", "--organisation", "authority", "--name", "x"), "only a hospital or an insurer"),
        (
            ("create", "--organisation", "riverside", "--name", "x", "--public-key", str(other)),
            "another kind",
        ),
        (("create", "--organisation", "riverside", "--name", "x", "--public-key", str(no_pem)), "PEM form"),
        (("stop", "0"), "No program '0'"),
    ):
        with pytest.raises(CommandError, match=why):
            run(*words)
