"""Canonical JSON, tagged hashes and base64url: the bytes that everything else signs and hashes.

Rules (docs/formats.md section 1)
- A document is RFC 8785 (JCS) UTF-8: sorted keys, no white space, one spelling per value.
- Values are objects, arrays, strings, integers within ±(2^53-1), booleans and null. No floats anywhere.
- Bytes that are not exactly the canonical spelling of what they say are refused, never repaired.
- Every hash names its purpose and the length of each part: SHA-256(lp(tag) ‖ lp(p1) ‖ … ‖ lp(pn)).
- base64url has no padding and no second spelling.
"""

import binascii
import hashlib
import json
from functools import lru_cache
from typing import Any, NoReturn

import rfc8785

MAX_SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 32
_TO_B64 = bytes.maketrans(b"-_+/=", b"+/!!!")
_TO_B64U = bytes.maketrans(b"+/", b"-_")


class CanonicalError(ValueError):
    """The bytes or the value have no canonical form; whoever made them must make them again."""


def dumps(value: Any) -> bytes:
    """The canonical JSON (RFC 8785, UTF-8) of `value`. Raises CanonicalError for what has none."""
    _check(value, 0)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise CanonicalError(f"no canonical JSON for this value: {error}") from error


def loads_canonical(data: bytes) -> Any:
    """The value that canonical JSON `data` spells.

    Raises CanonicalError when the bytes are not JSON, hold a float, a duplicate key or an integer beyond
    2^53-1, nest deeper than 32, or are not the canonical spelling.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
        )
    except CanonicalError:
        raise
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"not JSON: {type(error).__name__}") from error
    if dumps(value) != data:
        raise CanonicalError("JSON is not in canonical form (RFC 8785): sort keys, drop white space")
    return value


def lp(part: bytes) -> bytes:
    """`part` behind its length in 4 big-endian bytes."""
    return len(part).to_bytes(4, "big") + part


def tagged_hash(tag: str, *parts: bytes) -> bytes:
    """H of docs/formats.md: SHA-256 (32 bytes) over the length-prefixed tag and parts."""
    digest = hashlib.sha256(lp(tag.encode("utf-8")))
    for part in parts:
        digest.update(lp(part))
    return digest.digest()


def b64u_encode(data: bytes) -> str:
    """base64url without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_B64U).decode("ascii")


def b64u_decode(text: str, length: int | None = None) -> bytes:
    """The bytes of canonical base64url `text`; `length` is the number of bytes expected, if it is fixed.

    Raises CanonicalError for padding, other alphabets, stray bits in the last character or a wrong length.
    """
    try:
        spelled = text.encode("ascii").translate(_TO_B64) + b"=" * (-len(text) % 4)
        data = binascii.a2b_base64(spelled, strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise CanonicalError("not base64url: only A-Z a-z 0-9 - _ without padding") from error
    if binascii.b2a_base64(data, newline=False) != spelled:
        raise CanonicalError("not canonical base64url: the last character has stray bits")
    if length is not None and len(data) != length:
        raise CanonicalError(f"expected {length} bytes of base64url, got {len(data)}")
    return data


@lru_cache(maxsize=16_384)
def public_bytes(text: str) -> bytes:
    """`b64u_decode` of 32 bytes that anybody may see: keys and hashes that come again and again."""
    return b64u_decode(text, 32)


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CanonicalError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise CanonicalError(f"object key must be a string, got {type(key).__name__}")
            _check(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, int):
        if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            raise CanonicalError("integer outside ±(2^53-1)")
    elif value is not None and not isinstance(value, str):
        raise CanonicalError(f"{type(value).__name__} has no place in canonical JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CanonicalError("an object names the same key twice")
    return found


def _integer(text: str) -> int:
    if len(text) > 17:
        raise CanonicalError("integer outside ±(2^53-1)")
    return int(text)


def _no_float(_text: str) -> NoReturn:
    raise CanonicalError("numbers must be integers: no fraction, exponent, NaN or Infinity")
