"""FHIR over HTTP: media types, bodies, and every refusal as an OperationOutcome."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from interop.fhir.json_text import encode
from interop.fhir.outcome import Issue, Refused, operation_outcome, refuse
from wallet import api as wallet

MEDIA_TYPE = "application/fhir+json"
_TAKEN = ("application/fhir+json", "application/json", "text/json")
_GIVEN = (*_TAKEN, "*/*", "application/*", "json")
_STATUS = {
    "not_found": (404, "not-found"),
    "rate_limited": (429, "throttled"),
    "no_consent": (403, "forbidden"),
}

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def fhir_response(resource: dict[str, Any], status: int = 200, **headers: str) -> HttpResponse:
    """`resource` as application/fhir+json. Header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(encode(resource), content_type=MEDIA_TYPE, status=status, headers=named)


def fhir_view(view: View[P]) -> View[P]:
    """A view of the FHIR face: no CSRF (callers have tokens), no caching, refusals as OperationOutcome."""

    @csrf_exempt
    @never_cache
    @wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            _check_accepted(request)
            return view(request, *args, **kwargs)
        except Refused as error:
            return refusal_response(error)
        except wallet.WalletError as error:
            return refusal_response(from_wallet(error))

    return wrapped


def from_wallet(error: wallet.WalletError) -> Refused:
    """A refusal of the wallet in FHIR's words. Its messages hold no personal data."""
    status, code = _STATUS.get(error.code, (503, "transient") if error.retry else (422, "processing"))
    if isinstance(error, wallet.KeyUnavailable):
        status, code = 503, "exception"
    return Refused([Issue(code, f"{error.message} {error.next}")], status)


def refusal_response(error: Refused) -> HttpResponse:
    response = fhir_response(operation_outcome(error.issues), error.status)
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="salus"'
    if error.status in (429, 503):
        response["Retry-After"] = "5"
    return response


def body_of(request: HttpRequest, limit: int) -> bytes:
    """The request's FHIR JSON. Raises Refused: 415 for another media type, 413 beyond `limit` bytes."""
    if request.content_type not in _TAKEN:
        raise refuse("not-supported", f"expected Content-Type: {MEDIA_TYPE}", status=415)
    if (request.content_params or {}).get("charset", "utf-8").lower().replace("utf8", "utf-8") != "utf-8":
        raise refuse("not-supported", "expected charset=utf-8", status=415)
    data = request.read(limit + 1)
    if len(data) > limit:
        raise refuse("too-long", f"expected at most {limit} bytes", status=413)
    return data


def _check_accepted(request: HttpRequest) -> None:
    asked = request.GET.get("_format") or request.headers.get("Accept", "*/*")
    offered = [kind.split(";")[0].strip() for kind in asked.replace(" json", "+json").split(",")]
    if not any(kind in _GIVEN for kind in offered):
        raise refuse("not-supported", f"only {MEDIA_TYPE} is available", status=406)
