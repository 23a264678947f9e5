"""FHIR's JSON, read strictly and written back digit for digit.

Rules: UTF-8, one value, no duplicate key, no NaN or Infinity, no lone surrogate, at most
`MAX_DEPTH` levels. Decimals stay `Decimal`, so that 1.00 is stored as 1.00: FHIR R4 section 2.24.0.1
makes their precision significant.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

Json = Any
MAX_DEPTH = 60


class BadJson(ValueError):
    """The text is not the JSON we take. `place` is a path such as `entry[3].resource`, or empty."""

    def __init__(self, reason: str, place: str = "") -> None:
        self.reason = reason
        self.place = place
        super().__init__(f"{place}: {reason}" if place else reason)


class _Repeated(dict[str, Json]):
    """An object that named a key twice; found again by walking, which knows the place."""

    def __init__(self, pairs: list[tuple[str, Json]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.repeated = next(key for key in keys if keys.count(key) > 1)


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def decode(data: bytes) -> Json:
    """Parse `data`. Raises BadJson with the line and column, or with the path of the culprit."""
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_float=Decimal,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError as error:
        raise BadJson(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise BadJson(f"nested deeper than {MAX_DEPTH} levels") from None
    except BadJson:
        raise
    except ValueError:
        raise BadJson("a number has too many digits") from None
    _check(value)
    return value


def encode(value: Json) -> bytes:
    """Compact UTF-8 JSON of `value`, keys in the order given."""
    return _ENCODER.encode(value)


def walk(value: Json, place: str = "") -> Iterator[tuple[str, Json]]:
    """Every value inside `value` with its path, the outermost first."""
    waiting = [(place, value)]
    while waiting:
        here, found = waiting.pop()
        yield here, found
        if isinstance(found, dict):
            waiting += [(f"{here}.{key}" if here else key, child) for key, child in reversed(found.items())]
        elif isinstance(found, list):
            waiting += [(f"{here}[{i}]", child) for i, child in reversed(list(enumerate(found)))]


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    return result if len(result) == len(pairs) else _Repeated(pairs)


def _no_constant(name: str) -> Json:
    raise BadJson(f"{name} is not JSON")


def _check(value: Json) -> None:
    for place, found in walk(value):
        if place.count(".") + place.count("[") > MAX_DEPTH:
            raise BadJson(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(found, _Repeated):
            raise BadJson(f'the key "{found.repeated}" is given twice', place)
        for text in (found,) if isinstance(found, str) else found if isinstance(found, dict) else ():
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise BadJson("a lone surrogate is not a character", place)
