"""Small words for the regulator's pages."""

from datetime import UTC, datetime

from django import template
from django.utils import formats, timezone

register = template.Library()


@register.filter
def clock(ms: int) -> str:
    """Milliseconds since 1970 as date and time to the second, in the reader's time zone."""
    at = timezone.localtime(datetime.fromtimestamp(ms / 1000, UTC))
    return f"{formats.date_format(at, 'DATE_FORMAT')} {formats.time_format(at, 'H:i:s')}"


@register.filter
def named(address: str, names: dict[str, str]) -> str:
    """A validator's moniker for its address."""
    return names.get(address, address)
