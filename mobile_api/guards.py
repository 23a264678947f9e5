"""Who may knock: each view names the role it serves. What that person may see is the wallet's to decide."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import msgspec
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from accounts.api import Person, Role
from mobile_api.errors import ApiRefusal, answers_json, refusal

View = Callable[..., HttpResponseBase]
Shape = TypeVar("Shape")
MAX_BODY = 2_000_000


def person_of(request: HttpRequest) -> Person:
    """The signed-in person; views call it behind `page` or `endpoint` only."""
    if not isinstance(request.user, Person):
        raise refusal(401, "sign_in")
    return request.user


def page(*roles: Role) -> Callable[[View], View]:
    """A page for these roles: anyone not signed in goes to the start, another role gets a 403."""

    def decorate(view: View) -> View:
        @never_cache
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not isinstance(request.user, Person):
                return redirect("home")
            if request.user.role not in roles:
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return wrapped

    return decorate


def endpoint(method: str, *roles: Role) -> Callable[[View], View]:
    """A JSON endpoint for these roles and one HTTP method."""

    def decorate(view: View) -> View:
        @answers_json
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method != method:
                return HttpResponse(status=405, headers={"Allow": method})
            if person_of(request).role not in roles:
                raise refusal(403, "role")
            return view(request, *args, **kwargs)

        return wrapped

    return decorate


def body_as(request: HttpRequest, shape: type[Shape]) -> Shape:
    """The request's JSON as `shape`; unknown, missing, repeated or wrong fields are refused."""
    if len(request.body) > MAX_BODY:
        raise ApiRefusal(413, "too_large", _("The data is too large."), _("Send fewer records at once."))
    try:
        json.loads(request.body, object_pairs_hook=_members)
        return msgspec.json.decode(request.body, type=shape)
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors, too
        raise ApiRefusal(400, "malformed", str(error), _("Reload the page and try again.")) from error


def _members(pairs: list[tuple[str, Any]]) -> None:
    """Two readers of one text must not see two different documents."""
    names = [name for name, _value in pairs]
    if len(set(names)) != len(names):
        raise ValueError("an object names the same member twice")


def as_json(value: Any, status: int = 200) -> JsonResponse:
    """One of the wallet's shapes (or a list or dict of them) as JSON."""
    return JsonResponse(msgspec.to_builtins(value), safe=False, status=status)
