"""Credentials: issued through didkit, verified by us, didkit and PyJWT, refused when anything is off."""

import asyncio
import json
from typing import Any

import didkit
import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.types.signing import public_key_of, sign
from tests.wallet.core.cast import (
    DAY,
    EVERGREEN,
    ISSUER_KEYS,
    ISSUER_SEED,
    MALLORY,
    NORTH_LAKE,
    NOW,
    OKAFOR,
    make,
)
from wallet.core import credential
from wallet.core._ledger import b64u_decode, b64u_encode
from wallet.core.credential import verify_credential
from wallet.core.errors import CredentialRefused
from wallet.credential_issuer import issue_credential, issuer_did

FIELDS = {
    "subject": OKAFOR,
    "name": "Dr Okafor",
    "role": "physician",
    "organisation": NORTH_LAKE,
    "valid_from": NOW - DAY,
    "valid_until": NOW + 300 * DAY,
}
EXPECTED: dict[str, Any] = {
    "subject": OKAFOR,
    "organisation": NORTH_LAKE,
    "issuer_keys": ISSUER_KEYS,
    "now": NOW,
}


@pytest.fixture(scope="module")
def issued() -> str:
    return issue_credential(issuer_seed=ISSUER_SEED, **FIELDS)


def resigned(jwt: str, seed: bytes = ISSUER_SEED, header: Any = None, **claims: Any) -> str:
    """The same credential with other claims or header, signed with `seed`; a claim of None is left out."""
    old_header, old_claims, _ = jwt.split(".")
    payload = {**json.loads(b64u_decode(old_claims)), **claims}
    payload = {name: value for name, value in payload.items() if value is not None}
    head = b64u_encode(json.dumps(header).encode()) if header is not None else old_header
    signed = f"{head}.{b64u_encode(json.dumps(payload).encode())}"
    return f"{signed}.{b64u_encode(sign(seed, signed.encode()))}"


def reason(jwt: str, **changes: Any) -> str:
    with pytest.raises(CredentialRefused) as refused:
        verify_credential(jwt, **{**EXPECTED, **changes})
    return refused.value.reason


def test_we_verify_what_didkit_issued(issued: str) -> None:
    found = verify_credential(issued, **EXPECTED)
    assert (found.subject, found.name, found.role) == (OKAFOR, "Dr Okafor", "physician")
    assert (found.issuer, found.organisation) == (issuer_did(ISSUER_SEED), NORTH_LAKE)
    assert (found.valid_from, found.valid_until) == (NOW - DAY, NOW + 300 * DAY)


def test_didkit_and_pyjwt_verify_it_too(issued: str) -> None:
    async def by_didkit() -> dict[str, Any]:
        return json.loads(await didkit.verify_credential(issued, json.dumps({"proofFormat": "jwt"})))  # type: ignore[no-any-return]

    assert asyncio.run(by_didkit())["errors"] == []
    key = Ed25519PublicKey.from_public_bytes(ISSUER_KEYS[0])
    options: Any = {"verify_exp": False, "verify_nbf": False}
    claims = pyjwt.decode(issued, key, algorithms=["EdDSA"], options=options)
    assert claims["sub"] == OKAFOR
    assert claims["vc"]["credentialSubject"]["organisation"] == NORTH_LAKE


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"now": NOW + 300 * DAY}, credential.EXPIRED),
        ({"now": NOW - DAY - 1}, credential.NOT_YET_VALID),
        ({"subject": MALLORY}, credential.WRONG_SUBJECT),
        ({"organisation": EVERGREEN}, credential.WRONG_ORGANISATION),
        ({"issuer_keys": []}, credential.WRONG_ISSUER),
        ({"issuer_keys": [public_key_of(make.seed("Mallory"))]}, credential.WRONG_ISSUER),
    ],
)
def test_a_good_credential_for_another_moment_person_or_hospital_is_refused(
    issued: str, change: dict[str, Any], expected: str
) -> None:
    assert reason(issued, **change) == expected


def test_a_valid_credential_lasts_until_its_very_end(issued: str) -> None:
    verify_credential(issued, **{**EXPECTED, "now": NOW - DAY})
    verify_credential(issued, **{**EXPECTED, "now": NOW + 300 * DAY - 1})


def test_a_credential_that_mallory_signed_in_the_hospitals_name_is_forged(issued: str) -> None:
    assert reason(resigned(issued, make.seed("Mallory"))) == credential.FORGED


def test_a_credential_that_mallory_issued_herself_is_refused() -> None:
    own = issue_credential(issuer_seed=make.seed("Mallory"), **{**FIELDS, "subject": MALLORY})
    assert reason(own, subject=MALLORY) == credential.WRONG_ISSUER


def test_any_changed_claim_breaks_the_signature(issued: str) -> None:
    header, _, signature = issued.split(".")
    _, payload, _ = resigned(issued, sub=MALLORY).split(".")
    assert reason(f"{header}.{payload}.{signature}") == credential.FORGED


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"sub": MALLORY}, credential.WRONG_SUBJECT),
        ({"exp": None}, credential.MALFORMED),
        ({"nbf": None}, credential.MALFORMED),
        ({"exp": True}, credential.MALFORMED),
        ({"exp": "tomorrow"}, credential.MALFORMED),
        ({"vc": None}, credential.MALFORMED),
        ({"vc": {"credentialSubject": {"id": OKAFOR}}}, credential.MALFORMED),
        ({"iss": None}, credential.WRONG_ISSUER),
        ({"iss": NORTH_LAKE}, credential.WRONG_ISSUER),
        ({"iss": 7}, credential.WRONG_ISSUER),
    ],
)
def test_a_credential_that_the_hospital_signed_but_that_says_it_wrong_is_refused(
    issued: str, claims: dict[str, Any], expected: str
) -> None:
    assert reason(resigned(issued, **claims)) == expected


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {}, {"alg": "EdDSA", "crit": ["b64"]}])
def test_another_algorithm_is_refused_even_if_the_signature_would_do(issued: str, header: Any) -> None:
    assert reason(resigned(issued, header=header)) == credential.WRONG_ALGORITHM


@pytest.mark.parametrize("jwt", ["", "a.b", "a.b.c", "..", "é.é.é", "[].[].[]", "A" * 9000])
def test_what_is_no_jwt_is_malformed(jwt: str) -> None:
    assert reason(jwt) == credential.MALFORMED


def test_a_member_named_twice_is_refused(issued: str) -> None:
    _, payload, signature = issued.split(".")
    twice = b64u_encode(b'{"alg":"none","alg":"EdDSA"}')
    assert reason(f"{twice}.{payload}.{signature}") == credential.MALFORMED
