"""What a log line may not hold, whoever wrote it: Django itself logs the path of a refused request.

Rules
- A sign-in token opens a session: the path that holds it is cut.
- A bearer token (JWT) opens records' ciphertext or an API: it is cut wherever it stands.
- A patient code is an address of one person: its last half is cut.
"""

import logging
import re

_CUTS = (
    (re.compile(r"(/signin/)[^/\s\"']+"), r"\1…"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), "…"),
    (re.compile(r"\b([0-9A-HJKMNP-TV-Z]{4})-[0-9A-HJKMNP-TV-Z]{4}\b"), r"\1-…"),
)


class RedactingFormatter(logging.Formatter):
    """Formats like its base, traceback included, and cuts what must not be kept."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for pattern, kept in _CUTS:
            line = pattern.sub(kept, line)
        return line
