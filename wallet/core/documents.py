"""Reading documents from outside: exact fields, exact types, and errors that say the place.

Rules
- Unknown, missing and mistyped fields are refused; nothing is coerced or repaired.
- Text that people will read is one line, trimmed, without control or direction-changing characters, so
  that a name cannot forge a line of the text a patient signs.
"""

import re
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from wallet.core._ledger import MAX_SAFE_INTEGER, CanonicalError, b64u_decode, dumps
from wallet.core.errors import Malformed

T = TypeVar("T", bound=msgspec.Struct)
_PLACE = re.compile(r"(.*?) - at `(.*)`\Z", re.DOTALL)
_TYPES = re.compile(r"Expected (`.*`), got (`.*`)\Z")
_DID = re.compile(r"did:(salus:u[A-Za-z0-9_-]{43}|key:z[1-9A-HJ-NP-Za-km-z]{10,512})\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
# Listed, not taken from Unicode's categories, which differ between Python's and a browser's version.
# U+200C and U+200D stay allowed: Persian and Indic names need them.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def decode(document: str, value: object, into: type[T]) -> T:
    """`value` (a parsed JSON object) as the struct `into`. Raises Malformed with the place."""
    try:
        return msgspec.convert(value, into, strict=True)
    except (msgspec.ValidationError, TypeError) as error:
        found = _PLACE.match(str(error))
        words, place = (found[1], found[2]) if found else (str(error), "$")
        types = _TYPES.match(words)
        expected, actual = types.groups() if types else ("the fields of its format", words)
        raise Malformed(document, place, expected, actual) from None


def canonical_bytes(document: str, value: msgspec.Struct) -> bytes:
    """JCS of a struct. Raises Malformed when it has none (an integer out of range, a lone surrogate)."""
    try:
        return dumps(msgspec.to_builtins(value))
    except (CanonicalError, UnicodeError) as error:
        raise Malformed(document, "$", "a value with canonical JSON", str(error)) from error


def require(document: str, place: str, condition: bool, expected: str, actual: object) -> None:
    """Raises Malformed unless `condition`."""
    if not condition:
        raise Malformed(document, place, expected, str(actual))


def key_bytes(document: str, place: str, text: str, length: int | None = None) -> bytes:
    """The bytes of b64u `text`, `length` of them if given. Raises Malformed."""
    try:
        return b64u_decode(text, length)
    except CanonicalError as error:
        raise Malformed(document, place, "canonical base64url", str(error)) from None


def check_id(document: str, place: str, text: str) -> None:
    """An id of ours: 16 bytes as b64u."""
    key_bytes(document, place, text, 16)


def check_record_id(document: str, place: str, text: str) -> None:
    """A record id: UUID version 4 in lower case."""
    try:
        good = str(UUID(text)) == text and UUID(text).version == 4
    except ValueError:
        good = False
    require(document, place, good, "a UUID version 4 in lower case", "another form")


def check_did(document: str, place: str, text: str, method: str | None = None) -> None:
    """A did:salus or did:key; `method` ("salus", "key") when only one is right."""
    good = bool(_DID.match(text)) and (method is None or text.startswith(f"did:{method}:"))
    require(document, place, good, f"a did:{method or 'salus or did:key'}", "another form")


def check_day(document: str, place: str, text: str | None) -> None:
    """A calendar day `YYYY-MM-DD`, or None."""
    if text is None:
        return
    good = bool(_DAY.match(text)) and _is_day(int(text[:4]), int(text[5:7]), int(text[8:]))
    require(document, place, good, "a day as YYYY-MM-DD", "another form")


def check_text(document: str, place: str, text: str, longest: int, *, empty: bool = False) -> None:
    """One trimmed line of at most `longest` characters, without control or direction-changing characters."""
    require(document, place, bool(text) or empty, "some text", "an empty string")
    require(document, place, len(text) <= longest, f"at most {longest} characters", len(text))
    require(document, place, text == text.strip(), "no space at its ends", "space")
    unseen = bool(UNSEEN.search(text))
    require(document, place, not unseen, "visible characters of one line", "a control or invisible character")


def check_distinct(document: str, place: str, items: Sequence[str], most: int) -> None:
    """A list of 1 to `most` different items."""
    require(document, place, 1 <= len(items) <= most, f"1 to {most} items", len(items))
    require(document, place, len(set(items)) == len(items), "different items", "an item twice")


def check_time(document: str, place: str, value: int) -> None:
    """Milliseconds since 1970 UTC, within the safe range."""
    require(document, place, 0 <= value <= MAX_SAFE_INTEGER, "milliseconds since 1970", value)


def _is_day(year: int, month: int, day: int) -> bool:
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1]):
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return leap or (month, day) != (2, 29)
