"""Small words for the regulator's pages."""

from datetime import UTC, datetime

from django import template
from django.utils import formats, timezone, translation

register = template.Library()


@register.filter
def clock(ms: int) -> str:
    """Milliseconds since 1970 as date and time to the second, in the reader's time zone."""
    at = timezone.localtime(datetime.fromtimestamp(ms / 1000, UTC))
    day = "Y年n月j日" if (translation.get_language() or "").startswith("zh") else "j M Y"
    return formats.date_format(at, f"{day} H:i:s")


@register.filter
def named(address: str, names: dict[str, str]) -> str:
    """A validator's moniker for its address."""
    return names.get(address, address)
