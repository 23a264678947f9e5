"""POST /oauth/token: client credentials (RFC 6749 section 4.4), by secret or by signed assertion."""

import base64
import binascii
from urllib.parse import unquote_plus

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from interop.models import ApiClient
from interop.smart.clients import ASSERTION_TYPE, InvalidClient, client_by_assertion, client_by_secret
from interop.smart.scopes import narrowed
from interop.smart.tokens import LIFE_S, token_issue


def token_url() -> str:
    return f"{settings.SALUS_PUBLIC_URL}/oauth/token"


@csrf_exempt
@require_POST
@sensitive_post_parameters()
def token(request: HttpRequest) -> JsonResponse:
    """Answer with a bearer token of five minutes, or with an error of RFC 6749 section 5.2."""
    if request.POST.get("grant_type") != "client_credentials":
        return _error("unsupported_grant_type", "expected grant_type=client_credentials")
    try:
        client = _client(request)
    except InvalidClient:
        return _error("invalid_client", "the client did not prove who it is", status=401)
    scope = narrowed(client.scope, request.POST.get("scope", ""))
    if scope is None:
        return _error("invalid_scope", f"this client may ask for: {client.scope}")
    issued = token_issue(client=client, scope=scope, now=timezone.now())
    return _uncached(
        {"access_token": issued, "token_type": "Bearer", "expires_in": LIFE_S, "scope": scope}, 200
    )


def _client(request: HttpRequest) -> ApiClient:
    if request.POST.get("client_assertion_type") == ASSERTION_TYPE:
        assertion = request.POST.get("client_assertion", "")
        return client_by_assertion(assertion, audience=token_url(), now=timezone.now())
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return client_by_secret(request.POST.get("client_id", ""), request.POST.get("client_secret", ""))
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient from None
    return client_by_secret(unquote_plus(name), unquote_plus(secret))


def _error(code: str, description: str, status: int = 400) -> JsonResponse:
    return _uncached({"error": code, "error_description": description}, status)


def _uncached(body: dict[str, object], status: int) -> JsonResponse:
    response = JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})
    if status == 401:
        response["WWW-Authenticate"] = 'Basic realm="salus"'
    return response
