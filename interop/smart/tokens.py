"""Access tokens of the FHIR and DICOMweb faces (RFC 9068: JWT, `typ` at+jwt).

Rules
- EdDSA only, five minutes, audience `<public URL>/fhir`, issuer the public URL; a token made for
  something else (ciphertext, say) is refused though the same key signs it.
- The client must still be active at each use: stopping a client stops its tokens.
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

from interop.models import ApiClient

LIFE_S = 300
_TYPE = "at+jwt"


class InvalidToken(Exception):
    """No token, or one that is not valid here and now."""


@dataclass(frozen=True)
class Caller:
    """Who calls: an organisation, with what its program may do."""

    organisation_id: uuid.UUID
    scope: str


def audience() -> str:
    return f"{settings.SALUS_PUBLIC_URL}/fhir"


def token_issue(*, client: ApiClient, scope: str, now: datetime) -> str:
    """An access token for `client` with `scope`, already checked against what the client may do."""
    issued = int(now.timestamp())
    claims = {
        "iss": settings.SALUS_PUBLIC_URL,
        "aud": audience(),
        "sub": str(client.id),
        "client_id": str(client.id),
        "org": str(client.organisation_id),
        "scope": scope,
        "iat": issued,
        "exp": issued + LIFE_S,
        "jti": secrets.token_urlsafe(16),
    }
    return jwt.encode(claims, _key(), algorithm="EdDSA", headers={"typ": _TYPE})


def token_caller(token: str) -> Caller:
    """Who holds this token. Raises InvalidToken."""
    try:
        if jwt.get_unverified_header(token).get("typ") != _TYPE:
            raise InvalidToken
        claims = jwt.decode(
            token,
            _key().public_key(),
            algorithms=["EdDSA"],
            audience=audience(),
            issuer=settings.SALUS_PUBLIC_URL,
            options={"require": ["exp", "iat", "aud", "iss", "sub", "scope"]},
        )
    except jwt.PyJWTError:
        raise InvalidToken from None
    client = ApiClient.objects.filter(id=claims["sub"], is_active=True).first()
    if client is None:
        raise InvalidToken
    return Caller(client.organisation_id, claims["scope"])


def _key() -> Ed25519PrivateKey:
    return _read_key(Path(settings.SALUS_TOKEN_KEY_FILE))


@lru_cache(maxsize=4)
def _read_key(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("SALUS_TOKEN_KEY_FILE: expected an Ed25519 private key in PEM")
    return key
