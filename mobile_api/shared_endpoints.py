"""What every role may call: proofs, ciphertext by token, push subscriptions."""

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import translation

from accounts.api import Role
from mobile_api.errors import answers_json, refusal
from mobile_api.guards import as_json, body_as, endpoint, person_of
from mobile_api.push.subscriptions import Subscription, subscription_delete, subscription_save
from mobile_api.streams import streamed
from wallet import api as wallet

EVERYONE = tuple(Role)


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    endpoint: str


@endpoint("GET", *EVERYONE)
def proof(request: HttpRequest, tx_hash: str) -> HttpResponse:
    """The proof bundle of a committed transaction. The ledger holds no personal data."""
    return as_json(wallet.ledger_proof(tx_hash=tx_hash))


@endpoint("GET", *EVERYONE)
def light_block(request: HttpRequest, source: int) -> HttpResponse:
    """What one validator says a block is (`?height=`, else its latest); the page checks it, not we."""
    asked = request.GET.get("height")
    if asked is not None and not (asked.isascii() and asked.isdigit() and 0 < len(asked) < 16):
        raise wallet.Invalid("A height is a whole number.", next="Ask again with another height.")
    height = None if asked is None else int(asked)
    return as_json(wallet.ledger_light_block(source=source, height=height))


@endpoint("GET", *EVERYONE)
def consent_state(request: HttpRequest, consent_id: str) -> HttpResponse:
    """The proof of what the ledger's state holds of a consent now. The ledger holds no personal data."""
    return as_json(wallet.ledger_state_proof(key=f"consent/{consent_id}"))


@endpoint("POST", Role.PATIENT)
def checkpoint(request: HttpRequest) -> HttpResponse:
    """Ask for a fresh block; the answer is the height of a header that the page then verifies."""
    return as_json({"height": wallet.ledger_checkpoint(person_id=person_of(request).id)})


def _token(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise refusal(401, "sign_in")
    return token


@answers_json
def ciphertext(request: HttpRequest, record_id: str) -> HttpResponseBase:
    """A record's ciphertext for the bearer of a token that names it."""
    if request.method != "GET":
        return HttpResponse(status=405, headers={"Allow": "GET"})
    return streamed(request, wallet.record_ciphertext(token=_token(request), record_id=record_id))


@answers_json
def manifest(request: HttpRequest, record_id: str) -> HttpResponseBase:
    """The manifest (DAG-CBOR) that the ciphertext is read by."""
    if request.method != "GET":
        return HttpResponse(status=405, headers={"Allow": "GET"})
    body = wallet.record_manifest(token=_token(request), record_id=record_id)
    return HttpResponse(body, content_type="application/vnd.ipld.dag-cbor")


@endpoint("POST", *EVERYONE)
def push_subscribe(request: HttpRequest) -> HttpResponse:
    subscription = body_as(request, Subscription)
    language = translation.get_language() or settings.LANGUAGE_CODE
    subscription_save(person_id=person_of(request).id, subscription=subscription, language=language)
    return HttpResponse(status=204)


@endpoint("POST", *EVERYONE)
def push_unsubscribe(request: HttpRequest) -> HttpResponse:
    subscription_delete(person_id=person_of(request).id, endpoint=body_as(request, Endpoint).endpoint)
    return HttpResponse(status=204)
