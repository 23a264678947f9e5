"""The installable shell: web manifest, service worker, script strings, offline page."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET
from django.views.i18n import JSONCatalog


@require_GET
@cache_control(public=True, max_age=300)
def manifest(request: HttpRequest) -> HttpResponse:
    """What makes the pages installable on a phone (W3C Web App Manifest)."""
    icons = [
        {"src": static(f"icons/salus-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
        for size in (192, 512)
    ]
    body = {
        "name": "Salus",
        "short_name": "Salus",
        "description": _("Your medical record, in your hands."),
        "lang": translation.get_language(),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f6f8f7",
        "theme_color": "#0a6158",
        "icons": [*icons, {"src": static("icons/salus.svg"), "sizes": "any", "type": "image/svg+xml"}],
    }
    return JsonResponse(body, content_type="application/manifest+json")


class Catalog(JSONCatalog):
    """Strings for scripts in the language named by `?language=`, so that the answer can be cached."""

    domain = "djangojs"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = request.GET.get("language", "")
        language = asked if asked in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
        with translation.override(language):
            response: HttpResponse = super().get(request, *args, **kwargs)
        response["Cache-Control"] = "public, max-age=300"
        return response

    def get_paths(self, packages: list[str]) -> list[str]:
        """Our own folder only: the catalog for scripts does not carry Django's strings."""
        return [str(path) for path in settings.LOCALE_PATHS]


@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """The worker, served from the root so that its scope is every page."""
    path = finders.find("pages/sw.js")
    if not isinstance(path, str):
        raise FileNotFoundError("static file pages/sw.js is part of mobile_api and was not found")
    with open(path, encoding="utf-8") as source:
        response = HttpResponse(source.read(), content_type="text/javascript; charset=utf-8")
    response["Service-Worker-Allowed"] = "/"
    response["Cache-Control"] = "no-cache"
    return response


@require_GET
def offline(request: HttpRequest) -> HttpResponseBase:
    """What an installed page shows without a network. It holds no personal data: it is cached."""
    return render(request, "offline.html", {"home": reverse("home")})
