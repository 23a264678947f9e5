"""What an id in a path may look like: anything else is no address of ours (404), before any view sees it."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class OpaqueId(StringConverter):
    """16 random bytes as base64url: a request, a consent."""

    regex = "[A-Za-z0-9_-]{22}"


class RecordId(StringConverter):
    """A UUID in lower case, kept as text."""

    regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class TxHash(StringConverter):
    """SHA-256 in hex."""

    regex = "[0-9A-Fa-f]{64}"


class PatientCode(StringConverter):
    """A patient code, with or without its dash."""

    regex = "[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}"


register_converter(OpaqueId, "opaque")
register_converter(RecordId, "record")
register_converter(TxHash, "tx")
register_converter(PatientCode, "code")
