"""What every template may say: the page's settings for JavaScript, names, times, words for codes."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

from django import template
from django.conf import settings
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.html import json_script
from django.utils.safestring import SafeString

from mobile_api import words

register = template.Library()


@register.simple_tag(takes_context=True)
def page_config(context: dict[str, Any]) -> SafeString:
    """The one JSON block that scripts read: no inline script, so a strict CSP holds."""
    request = context.get("request")
    if request is None:
        return SafeString("")
    language = translation.get_language() or settings.LANGUAGE_CODE
    config: dict[str, Any] = {
        "csrf": get_token(request),
        "language": language,
        "locale": "zh-Hans" if language.startswith("zh") else "en",
        "catalog": f"{reverse('mobile_api:catalog')}?language={language}",
        "timeZone": timezone.get_current_timezone_name(),
        "signedIn": request.user.is_authenticated,
    }
    config.update(context.get("config") or {})
    return json_script(config, "page-config")


@register.filter
def name_in(owner: Any, language: str) -> str:
    """The person's or organisation's name in the page's language."""
    return str(owner.name_in(language))


@register.filter
def moment(ms: int | None) -> datetime | None:
    """Milliseconds since 1970 as an aware datetime in the reader's time zone."""
    return None if ms is None else timezone.localtime(datetime.fromtimestamp(ms / 1000, UTC))


@register.filter
def when(ms: int | None) -> str:
    """Milliseconds since 1970 as the reader writes a date and a time."""
    at = moment(ms)
    separator = " " if _chinese() else ", "
    return "" if at is None else formats.date_format(at, f"{_day_form()}{separator}H:i")


@register.filter
def day(iso: str) -> str:
    """A day as `YYYY-MM-DD` the way the reader writes it; anything else stands for itself."""
    try:
        return formats.date_format(date.fromisoformat(iso), _day_form())
    except ValueError:
        return iso


def _day_form() -> str:
    """As the scripts' `Intl` writes a day, so that one page has one form."""
    return "Y年n月j日" if _chinese() else "j M Y"


def _chinese() -> bool:
    return (translation.get_language() or "").startswith("zh")


@register.filter
def word(code: str, kind: str) -> str:
    """The plain word for a code: `{{ type|word:"type" }}`; an unknown code stands for itself."""
    return words.word(kind, code)


@register.filter
def name_of(organisation: Any, language: str) -> str:
    """The name of one of the wallet's `OrganisationRef`s in the page's language."""
    return str(
        organisation.name_zh if language.startswith("zh") and organisation.name_zh else organisation.name
    )


@register.filter
def by_type(records: list[Any]) -> list[dict[str, Any]]:
    """Records as `[{"type", "count"}]`, the most frequent first."""
    counts = Counter(record.type for record in records)
    return [{"type": type_, "count": count} for type_, count in counts.most_common()]
