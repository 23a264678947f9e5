"""Who calls a face: a program with a bearer token, or an insurer's person at our own page."""

from django.http import HttpRequest

from accounts.api import Person, Role
from interop.fhir.outcome import Refused, refuse
from interop.smart.scopes import BY_KIND, allows
from interop.smart.tokens import Caller, InvalidToken, token_caller


def caller_of(request: HttpRequest, resource_type: str, letter: str) -> Caller:
    """The caller, allowed to do `letter` of SMART's `cruds` with this type. Raises Refused (401, 403)."""
    caller = _from_token(request) if "Authorization" in request.headers else _from_page(request)
    if caller is None:
        raise refuse("login", "expected a valid bearer token from /oauth/token", status=401)
    if not allows(caller.scope, resource_type, letter):
        raise forbidden(resource_type, letter)
    return caller


def forbidden(resource_type: str, letter: str) -> Refused:
    return refuse("forbidden", f"needs the scope system/{resource_type}.{letter}", status=403)


def _from_token(request: HttpRequest) -> Caller | None:
    kind, _, token = request.headers["Authorization"].partition(" ")
    try:
        return token_caller(token) if kind.lower() == "bearer" else None
    except InvalidToken:
        return None


def _from_page(request: HttpRequest) -> Caller | None:
    """A signed-in insurer reading from our own page. Each read is logged on the ledger, so another site
    must not be able to cause one: browsers tell where a request comes from, and others have tokens."""
    person = request.user
    if not isinstance(person, Person) or person.role != Role.INSURER or person.organisation is None:
        return None
    if request.method != "GET" or request.headers.get("Sec-Fetch-Site") != "same-origin":
        return None
    return Caller(person.organisation.id, BY_KIND.get(person.organisation.kind, ""))
