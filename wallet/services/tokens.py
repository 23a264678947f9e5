"""Tokens for ciphertext: short-lived, bound to one audience, a person, and the manifests they may fetch.

Rules
- PyJWT, EdDSA, five minutes, audience `salus:ciphertext`; any other algorithm or audience is refused.
- A token opens nothing: what it fetches is ciphertext. It names manifests, so later versions are not in it.
- A token under a consent works only while that consent's grant is active.
"""

import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

from wallet import ports
from wallet.errors import KeyUnavailable, Refused
from wallet.models import Grant

AUDIENCE = "salus:ciphertext"
LIFE_S = 300


def token_issue(*, person_id: uuid.UUID | None, consent_id: str, manifests: dict[str, str]) -> str:
    """A token to fetch these manifests (by record id); `consent_id` is "" for a patient's own records."""
    now = ports.now_ms() // 1000
    claims = {
        "aud": AUDIENCE,
        "sub": str(person_id or ""),
        "consent": consent_id,
        "manifests": manifests,
        "iat": now,
        "exp": now + LIFE_S,
    }
    return jwt.encode(claims, _key(), algorithm="EdDSA")


def token_manifest(*, token: str, record_id: str) -> str:
    """The manifest that the token names for the record. Raises Refused."""
    claims = _claims(token)
    manifest = claims["manifests"].get(record_id)
    if not isinstance(manifest, str):
        raise Refused("The token does not name this record.", next="Open the record again.")
    consent_id = claims["consent"]
    if consent_id and not _is_live(consent_id):
        raise Refused("The consent has ended.", next="Ask the patient again.")
    return manifest


def _is_live(consent_id: str) -> bool:
    live = Grant.objects.filter(consent_id=consent_id, state=Grant.State.ACTIVE)
    return live.filter(valid_until__gt=ports.now_ms()).exists()


def _claims(token: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key().public_key(),
            algorithms=["EdDSA"],
            audience=AUDIENCE,
            options={"require": ["exp", "aud", "sub"], "verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError as error:
        raise Refused("The token is not valid.", next="Open the record again.") from error
    if claims["exp"] <= ports.now_ms() // 1000:  # by the port's clock, like everything else here
        raise Refused("The token has expired.", next="Open the record again.")
    return claims


def _key() -> Ed25519PrivateKey:
    return _read_key(Path(settings.SALUS_TOKEN_KEY_FILE))


@lru_cache(maxsize=4)
def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise KeyUnavailable("The token key cannot be read.", next="Check SALUS_TOKEN_KEY_FILE.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnavailable("The token key is not Ed25519.", next="Check SALUS_TOKEN_KEY_FILE.")
    return key
