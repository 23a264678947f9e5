"""An organisation's programs: registering them and checking that one is who it says."""

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts import api as accounts
from interop.models import ApiClient, UsedAssertion
from interop.smart.scopes import BY_KIND
from ledger.api import b64u_decode, b64u_encode

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFE_S = 300


class InvalidClient(Exception):
    """The program did not prove who it is. One message for every reason, so that nothing can be probed."""


@dataclass(frozen=True)
class ApiClientCredentials:
    """Shown once: the secret is kept only as a hash. It is empty for a client that has a key."""

    client_id: str
    secret: str = field(repr=False)


def api_client_create(
    *, organisation_id: uuid.UUID, name: str, public_key: bytes | None = None
) -> ApiClientCredentials:
    """Register a program of a hospital or insurer: with a secret, or by its Ed25519 public key (32 bytes)."""
    organisation = accounts.organisation_by_id(organisation_id)
    if organisation is None or organisation.kind not in BY_KIND:
        raise ValueError("only a hospital or an insurer has API clients")
    secret = "" if public_key else secrets.token_urlsafe(32)
    client = ApiClient.objects.create(
        organisation_id=organisation_id,
        name=name,
        secret_hash=_hash(secret) if secret else "",
        public_key=b64u_encode(public_key) if public_key else "",
        scope=BY_KIND[organisation.kind],
    )
    return ApiClientCredentials(str(client.id), secret)


def api_clients() -> QuerySet[ApiClient]:
    """Every registered program, oldest first."""
    return ApiClient.objects.all()


def api_client_stop(*, client_id: str) -> bool:
    """Refuse the program and the tokens it holds from now on. False when there is none with this id."""
    try:
        return bool(ApiClient.objects.filter(id=uuid.UUID(client_id)).update(is_active=False))
    except ValueError:
        return False


def client_by_secret(client_id: str, secret: str) -> ApiClient:
    """The client that this secret belongs to. Raises InvalidClient."""
    client = _active(client_id)
    if not (client.secret_hash and hmac.compare_digest(client.secret_hash, _hash(secret))):
        raise InvalidClient
    return client


def client_by_assertion(assertion: str, *, audience: str, now: datetime) -> ApiClient:
    """The client that signed this JWT (RFC 7523; SMART private_key_jwt). Raises InvalidClient.

    EdDSA only; `iss` = `sub` = client id, `aud` = the token endpoint, at most five minutes, `jti` used once.
    """
    try:
        claimed = str(jwt.decode(assertion, options={"verify_signature": False}).get("sub", ""))
        client = _active(claimed)
        claims = _verified(assertion, client, audience)
        expires = datetime.fromtimestamp(claims["exp"], UTC)
    except (jwt.PyJWTError, ValueError, InvalidSignature, OverflowError, OSError):
        raise InvalidClient from None
    if claims["iss"] != claims["sub"] or (expires - now).total_seconds() > _ASSERTION_LIFE_S:
        raise InvalidClient
    _use_once(client, str(claims["jti"]), expires, now)
    return client


def _verified(assertion: str, client: ApiClient, audience: str) -> dict[str, Any]:
    if not client.public_key:
        raise InvalidClient
    key = Ed25519PublicKey.from_public_bytes(b64u_decode(client.public_key))
    required = {"require": ["iss", "sub", "aud", "exp", "jti"]}
    return jwt.decode(assertion, key, algorithms=["EdDSA"], audience=audience, options=required)  # type: ignore[arg-type]


def _use_once(client: ApiClient, jti: str, expires: datetime, now: datetime) -> None:
    UsedAssertion.objects.filter(expires_at__lt=now).delete()
    try:
        with transaction.atomic():
            UsedAssertion.objects.create(client=client, jti=jti[:120], expires_at=expires)
    except IntegrityError:
        raise InvalidClient from None


def _active(client_id: str) -> ApiClient:
    try:
        client = ApiClient.objects.filter(id=uuid.UUID(client_id), is_active=True).first()
    except ValueError:
        client = None
    if client is None:
        raise InvalidClient
    return client


def _hash(secret: str) -> str:
    # A secret is 256 random bits: there is nothing to guess, so no slow hash is needed.
    return hashlib.sha256(secret.encode()).hexdigest()
