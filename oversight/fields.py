"""A transaction's fields as they stand on the ledger, flat, for whoever wants to see them all. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST_LIST = 20
"""How many items of a list are shown; an opening may name a thousand handles."""


def fields(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each field, in the ledger's order; what lies within another has a dotted name."""
    return list(_flat("", body))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from _flat(f"{name}.{key}" if name else key, value[key])
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value[:LONGEST_LIST]):
            yield from _flat(f"{name}[{index}]", item)
        if len(value) > LONGEST_LIST:
            yield f"{name}[{LONGEST_LIST}…{len(value) - 1}]", "…"
        if not value:
            yield name, "[]"
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else "{}" if value == {} else str(value)
