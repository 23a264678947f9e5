"""Every refusal as `{"error": {"code", "message", "next"}}`, in the reader's language.

`code` is stable and for programs; `message` says what happened; `next` says what to do. None of them names a
person or a record. A wallet error that has no words here is spoken in its own (English) ones.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from wallet import api as wallet


class ApiRefusal(Exception):
    """A refusal made by these views themselves (role, shape of the JSON)."""

    def __init__(self, status: int, code: str, message: str | Promise, next: str | Promise) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.next = status, code, message, next


STATUS: dict[str, int] = {
    "not_found": 404,
    "refused": 409,
    "invalid": 400,
    "rate_limited": 429,
    "wrong_pin": 403,
    "pin_locked": 423,
    "no_consent": 403,
    "ledger_unavailable": 503,
    "storage_unavailable": 503,
    "key_unavailable": 503,
}
SAID: dict[str, tuple[Promise, Promise]] = {
    "not_found": (_("This was not found."), _("Check the code, or go back to the list.")),
    "refused": (_("This is not possible any more."), _("Reload the page to see the present state.")),
    "invalid": (_("The data was not accepted."), _("Reload the page and try again.")),
    "rate_limited": (_("Too many requests in a short time."), _("Wait a minute before asking again.")),
    "wrong_pin": (_("The PIN is wrong. Nothing was signed."), _("Enter the PIN that you chose at set-up.")),
    "pin_locked": (
        _("Too many wrong PINs: signing is locked for a while."),
        _("Wait until the lock ends, or ask your hospital to check your identity."),
    ),
    "no_consent": (
        _("No active consent covers this."),
        _("Ask the patient with a request that names the purpose and the record types."),
    ),
    "ledger_unavailable": (
        _("The hospitals' ledger does not answer."),
        _("Nothing is lost. It goes on by itself as soon as enough hospitals are back."),
    ),
    "storage_unavailable": (
        _("Too few storage providers answer."),
        _("Try again shortly; no wrong data was shown."),
    ),
    "key_unavailable": (
        _("This service lacks a key that it needs."),
        _("Tell the hospital's operator."),
    ),
    "sign_in": (_("You are not signed in."), _("Open your sign-in link again.")),
    "role": (_("This page belongs to another role."), _("Sign in as the right person.")),
}


def error_body(code: str, message: str, next: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": str(message), "next": str(next), **more}}


def of_wallet(error: wallet.WalletError) -> JsonResponse:
    """The wallet's refusal as a response; a failed check's detail goes along for a developer's eyes."""
    message, then = SAID.get(error.code, (error.message, error.next))
    more: dict[str, Any] = {"detail": error.message}
    for name in ("attempts_left", "locked_until"):
        if hasattr(error, name):
            more[name] = getattr(error, name)
    body = error_body(error.code, str(message), str(then), **more)
    return JsonResponse(body, status=STATUS.get(error.code, 400))


def of_refusal(error: ApiRefusal) -> JsonResponse:
    return JsonResponse(error_body(error.code, str(error.message), str(error.next)), status=error.status)


def refusal(status: int, code: str) -> ApiRefusal:
    message, then = SAID[code]
    return ApiRefusal(status, code, message, then)


def answers_json(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Turns refusals of the view into JSON answers that are never cached."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except wallet.WalletError as error:
            response = of_wallet(error)
        except ApiRefusal as error:
            response = of_refusal(error)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return wrapped
