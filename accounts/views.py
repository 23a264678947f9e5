"""Signing in by link, signing out, changing language."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Person, Role
from accounts.services import SignInRefused, person_set_language, sign_in_link_use

HOME = {
    Role.PATIENT: "/patient/",
    Role.CLINICIAN: "/clinician/",
    Role.INSURER: "/insurer/",
    Role.REGULATOR: "/oversight/",
    Role.OPERATOR: "/desk/",
}


@never_cache
@require_GET
@sensitive_variables("token")
def sign_in(request: HttpRequest, token: str) -> HttpResponseBase:
    """Sign in by the link's token. The session lives on this host only."""
    try:
        person = sign_in_link_use(token=token, now=timezone.now())
    except SignInRefused:
        return render(request, "accounts/sign_in_refused.html", status=403)
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    response = redirect(HOME[Role(person.role)])
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, person.language, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )
    # The token must not travel on as a referrer.
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_GET
def home(request: HttpRequest) -> HttpResponseBase:
    """Send a signed-in person to their own pages; tell anyone else how to sign in."""
    if isinstance(request.user, Person):
        return redirect(HOME[Role(request.user.role)])
    return render(request, "accounts/welcome.html")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("/")


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Change the language of the pages, and remember it for the signed-in person."""
    chosen = request.POST.get("language", "")
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    response = redirect(back)
    if chosen in dict(settings.LANGUAGES):
        if isinstance(request.user, Person):
            person_set_language(person=request.user, language=chosen)
        translation.activate(chosen)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, chosen, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
        )
    return response
