"""CometBFT's query language over events: `tm.event='Tx' AND record_anchored.anchor='…' AND tx.height>5`.

Rules (CometBFT v0.38, libs/pubsub/query)
- A query is conditions joined by AND; there is no OR, NOT or bracket. Each condition holds when any one value
  of its key does, so two conditions on a key may be met by two values.
- A key is an event's type and an attribute's name with a dot between. A string stands in single quotes and
  holds none; a number has no sign.
- `=` compares text with text and numbers with numbers; `<`, `<=`, `>`, `>=` compare numbers; CONTAINS looks
  for a part of the text; EXISTS asks for the key, or for any key below it (`record_anchored EXISTS`).
- `tx.hash` is hex in either case.
- A value that is no number meets no condition about numbers. CometBFT would take the first digits in it.
- DATE and TIME are refused: no event of this ledger carries either, and no answer would be a lie.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from math import ceil, floor
from typing import Any

MAX_LENGTH = 512
"""Characters of a query, as in CometBFT."""

Tags = Mapping[str, Sequence[str]]
"""What a query is asked of: every value under each key."""

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<string>'[^']*')|(?P<date>(?:DATE|TIME)\s+[\dTZ:.+-]*)|(?P<number>\d+(?:\.\d+)?(?![\w.-]))"
    r"|(?P<word>[^\W\d][\w.-]*)|(?P<operator><=|>=|[<>=])"
)
_NUMBER = re.compile(r"\d{1,40}(?:\.\d{1,40})?\Z", re.ASCII)


class QueryError(ValueError):
    """The query cannot be read; the asker is wrong. The message says where, and what would be right."""


class Operator(StrEnum):
    """How a condition compares."""

    EQUAL = "="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "CONTAINS"
    EXISTS = "EXISTS"


_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `operand` is None exactly for EXISTS."""

    key: str
    operator: Operator
    operand: str | Decimal | None = None

    def holds(self, tags: Tags) -> bool:
        """Whether any value under the key meets it."""
        if self.operator is Operator.EXISTS:
            return self.key in tags or any(key.startswith(f"{self.key}.") for key in tags)
        return any(self._meets(value) for value in tags.get(self.key, ()))

    def _meets(self, value: str) -> bool:
        if isinstance(self.operand, str):
            return self.operand in value if self.operator is Operator.CONTAINS else self.operand == value
        number = _number(value)
        return number is not None and _COMPARE[self.operator](number, self.operand)

    def __str__(self) -> str:
        if self.operand is None:
            return f"{self.key} {self.operator}"
        operand = f"'{self.operand}'" if isinstance(self.operand, str) else f"{self.operand:f}"
        return f"{self.key} {self.operator} {operand}"


@dataclass(frozen=True)
class Query:
    """Every condition must hold."""

    conditions: tuple[Condition, ...]

    def matches(self, tags: Tags) -> bool:
        return all(condition.holds(tags) for condition in self.conditions)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys that it speaks of."""
        return frozenset(condition.key for condition in self.conditions)

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts that values under `key` must equal."""
        return tuple(one.operand for one in self._about(key) if isinstance(one.operand, str) and _equal(one))

    def bounds(self, key: str, last: int) -> range:
        """The integers from 0 to `last` that a single value under `key` may be."""
        low, high = 0, last
        for condition in self._about(key):
            operand = condition.operand
            number = _number(operand) if isinstance(operand, str) and _equal(condition) else operand
            if not isinstance(number, Decimal):
                continue
            if condition.operator in (Operator.EQUAL, Operator.AT_LEAST):
                low = max(low, ceil(number))
            elif condition.operator is Operator.GREATER:
                low = max(low, floor(number) + 1)
            if condition.operator in (Operator.EQUAL, Operator.AT_MOST):
                high = min(high, floor(number))
            elif condition.operator is Operator.LESS:
                high = min(high, ceil(number) - 1)
        return range(low, high + 1)

    def _about(self, key: str) -> Iterator[Condition]:
        return (condition for condition in self.conditions if condition.key == key)

    def __str__(self) -> str:
        return " AND ".join(str(condition) for condition in self.conditions)


def parse(text: str) -> Query:
    """The query that `text` spells. Raises QueryError."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"a query has at most {MAX_LENGTH} characters, this one has {len(text)}")
    tokens = list(_tokens(text))
    conditions = []
    while True:
        conditions.append(_condition(tokens, text))
        if not tokens:
            return Query(tuple(conditions))
        _expect(tokens, text, "word", "AND")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            what = "a string without its closing quote" if text[at] == "'" else f"{text[at]!r}"
            raise QueryError(f"cannot read {what} at offset {at}")
        if found.lastgroup != "space":
            yield _Token(found.lastgroup, found[0], at)
        at = found.end()


def _condition(tokens: list[_Token], text: str) -> Condition:
    key = _expect(tokens, text, "word", None, "a key such as tx.height")
    if key in ("AND", Operator.CONTAINS, Operator.EXISTS):
        raise QueryError(f"expected a key such as tx.height, got {key}")
    token = _next(tokens, text, "=, <, <=, >, >=, CONTAINS or EXISTS")
    if token.text not in tuple(Operator):
        raise _unexpected("=, <, <=, >, >=, CONTAINS or EXISTS", token)
    comparison = Operator(token.text)
    if comparison is Operator.EXISTS:
        return Condition(key, comparison)
    return Condition(key, comparison, _operand(key, comparison, _next(tokens, text, "a value")))


def _operand(key: str, comparison: Operator, token: _Token) -> str | Decimal:
    if token.kind == "date":
        raise QueryError(
            f"{token.text[:4]} at offset {token.at} is not supported: events here carry no dates"
        )
    if token.kind == "number" and comparison is not Operator.CONTAINS:
        return Decimal(token.text)
    if token.kind == "string" and comparison in (Operator.EQUAL, Operator.CONTAINS):
        return token.text[1:-1].upper() if key == "tx.hash" else token.text[1:-1]
    wanted = {Operator.EQUAL: "a string in single quotes or a number", Operator.CONTAINS: "a quoted string"}
    raise _unexpected(wanted.get(comparison, "a number"), token)


def _expect(tokens: list[_Token], text: str, kind: str, word: str | None, wanted: str = "") -> str:
    token = _next(tokens, text, word or wanted)
    if token.kind != kind or (word is not None and token.text != word):
        raise _unexpected(word or wanted, token)
    return token.text


def _next(tokens: list[_Token], text: str, wanted: str) -> _Token:
    if not tokens:
        raise QueryError(f"expected {wanted}, got the end at offset {len(text)}")
    return tokens.pop(0)


def _unexpected(wanted: str, token: _Token) -> QueryError:
    return QueryError(f"expected {wanted} at offset {token.at}, got {token.text}")


def _equal(condition: Condition) -> bool:
    return condition.operator is Operator.EQUAL


def _number(value: str) -> Decimal | None:
    return Decimal(value) if _NUMBER.match(value) else None
