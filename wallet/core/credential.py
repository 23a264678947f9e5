"""Credentials of clinicians: VC 1.1 JWTs (docs/formats.md section 6), checked without JSON-LD.

Rules
- `alg` is EdDSA and nothing else; `iss` is a did:key whose key is in the hospital's ledger key set.
- The signature verifies under that key, over the bytes as received.
- `sub`, `vc.credentialSubject.id` and the presenter's DID are one; its organisation is the hospital.
- `nbf <= now < exp`, both must be there; times in the JWT are seconds.
- Parsed once, strictly: duplicate members and critical headers are refused.
Whether the ledger has registered or revoked the credential is asked of the ledger, not here.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from wallet.core._ledger import CanonicalError, b64u_decode, verify_ed25519
from wallet.core.did_key import ed25519_of
from wallet.core.errors import CredentialRefused, Malformed

MALFORMED = "malformed"
WRONG_ALGORITHM = "wrong_algorithm"
WRONG_ISSUER = "wrong_issuer"
FORGED = "forged"
NOT_YET_VALID = "not_yet_valid"
EXPIRED = "expired"
WRONG_SUBJECT = "wrong_subject"
WRONG_ORGANISATION = "wrong_organisation"
_CONTEXT = "https://www.w3.org/2018/credentials/v1"
_LONGEST = 8192


@dataclass(frozen=True)
class Credential:
    """What a verified credential says. Times in milliseconds since 1970 UTC."""

    issuer: str
    subject: str
    name: str
    role: str
    organisation: str
    valid_from: int
    valid_until: int


def verify_credential(
    jwt: str, *, subject: str, organisation: str, issuer_keys: Collection[bytes], now: int
) -> Credential:
    """The credential in `jwt`, if it holds for clinician `subject` of hospital `organisation` at `now` (ms).

    `issuer_keys`: the raw Ed25519 keys of the hospital's ledger DID. Raises CredentialRefused with a reason.
    """
    header, claims, signature, signed = _split(jwt)
    _refuse_unless(
        header.get("alg") == "EdDSA" and "crit" not in header, WRONG_ALGORITHM, "EdDSA is required"
    )
    key = _issuer_key(claims.get("iss"))
    _refuse_unless(key in issuer_keys, WRONG_ISSUER, "the issuer's key is not one of the hospital's")
    _refuse_unless(verify_ed25519(key, signed, signature), FORGED, "the signature does not verify")
    credential = _read(claims)
    _refuse_unless(credential.subject == subject, WRONG_SUBJECT, "it was issued to another DID")
    _refuse_unless(credential.organisation == organisation, WRONG_ORGANISATION, "it names another hospital")
    _refuse_unless(
        credential.valid_from <= now, NOT_YET_VALID, "check this device's clock, or ask again later"
    )
    _refuse_unless(now < credential.valid_until, EXPIRED, "the clinician must have it renewed")
    return credential


def _split(jwt: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    parts = jwt.split(".")
    _refuse_unless(len(jwt) <= _LONGEST and len(parts) == 3 and jwt.isascii(), MALFORMED, "not a compact JWT")
    try:
        header, claims = _object(b64u_decode(parts[0])), _object(b64u_decode(parts[1]))
        signature = b64u_decode(parts[2], 64)
    except (CanonicalError, ValueError, RecursionError) as error:
        raise CredentialRefused(MALFORMED, "not a compact JWT of JSON objects") from error
    return header, claims, signature, f"{parts[0]}.{parts[1]}".encode("ascii")


def _object(data: bytes) -> dict[str, Any]:
    value = json.loads(data.decode("utf-8"), object_pairs_hook=_members)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names the same member twice")
    return found


def _issuer_key(issuer: object) -> bytes:
    try:
        return ed25519_of(issuer if isinstance(issuer, str) else "")
    except Malformed as error:
        raise CredentialRefused(WRONG_ISSUER, "the issuer is not an Ed25519 did:key") from error


def _read(claims: dict[str, Any]) -> Credential:
    vc = claims.get("vc")
    person = vc.get("credentialSubject") if isinstance(vc, dict) else None
    if not isinstance(vc, dict) or not isinstance(person, dict):
        raise CredentialRefused(MALFORMED, "no vc.credentialSubject")
    types, contexts = vc.get("type"), vc.get("@context")
    good = isinstance(types, list) and "VerifiableCredential" in types
    good = good and isinstance(contexts, list) and contexts[:1] == [_CONTEXT]
    _refuse_unless(good, MALFORMED, "not a Verifiable Credential 1.1")
    for member in ("id", "name", "role", "organisation"):
        _refuse_unless(
            isinstance(person.get(member), str), MALFORMED, f"credentialSubject.{member} is no text"
        )
    _refuse_unless(claims.get("sub") == person["id"], WRONG_SUBJECT, "sub and credentialSubject.id differ")
    return Credential(
        issuer=claims["iss"],
        subject=person["id"],
        name=person["name"],
        role=person["role"],
        organisation=person["organisation"],
        valid_from=_milliseconds(claims.get("nbf")),
        valid_until=_milliseconds(claims.get("exp")),
    )


def _milliseconds(seconds: object) -> int:
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 2**43:
        return int(seconds * 1000)
    raise CredentialRefused(MALFORMED, "nbf and exp must be seconds since 1970")


def _refuse_unless(condition: bool, reason: str, detail: str) -> None:
    if not condition:
        raise CredentialRefused(reason, detail)
