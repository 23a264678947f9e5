"""The node's log: one line per event on stderr, as `key=value`. Never a transaction, a key or a person."""

import sys
from datetime import UTC, datetime


def log(event: str, **fields: object) -> None:
    """Write one line; values with spaces are quoted."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    pairs = [f"{name}={_value(value)}" for name, value in fields.items()]
    print(" ".join([f"t={now}", f"event={event}", *pairs]), file=sys.stderr, flush=True)  # noqa: T201


def _value(value: object) -> str:
    text = value.hex().upper() if isinstance(value, bytes) else str(value)
    text = text.replace("\n", " ").replace('"', "'")
    return f'"{text}"' if " " in text or not text else text
