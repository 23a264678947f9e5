"""The plain words that a patient reads and signs, in English and Simplified Chinese.

Rules
- The text depends on the artefact and on the organisation's name alone, and nothing else: the same bytes
  in Python and in JavaScript (static/wallet/consent_text.js), pinned by vectors.
- It says who, why, what, which days, how long, how often, how sensitive, and what stopping can not undo.
- Times are those of the reader's language: UTC in English, Beijing time in Chinese, always named.
- An organisation without a known name is refused: nobody signs an identifier they cannot read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wallet.core.consent_words import WORDS, Words
from wallet.core.documents import check_text
from wallet.core.errors import Malformed

if TYPE_CHECKING:
    from wallet.core.consent import Artefact

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def consent_text(artefact: Artefact, names: Mapping[str, str], locale: str) -> str:
    """The text shown for `artefact`: lines joined by a newline, without one at the end.

    `names` maps the requester's organisation DID to the name to show. Raises Malformed when the name is
    missing or the locale is not one of ours. The artefact's own `text` field is not used.
    """
    words = WORDS.get(locale)
    if words is None:
        raise Malformed("artefact", "$.locale", "en or zh-Hans", "another locale")
    organisation = names.get(artefact.requester.organisation, "")
    check_text("artefact", "$.requester.organisation", organisation, 120)
    lines = [
        _who(artefact, organisation, words),
        words.purpose.format(words.purposes[artefact.purpose]),
        words.types.format(words.comma.join(words.type_names.get(name, name) for name in artefact.types)),
        _dates(artefact, words),
        _time(artefact, words),
        _opens(artefact, words),
        words.confidentiality[artefact.confidentiality],
        words.copies[artefact.mode].format(_moment(artefact.erase_at, words)),
    ]
    if artefact.delegate is not None:
        lines.append(words.delegate.format(artefact.delegate.name, _delegate_relation(artefact, words)))
    return "\n".join([*lines, words.stop])


def _who(artefact: Artefact, organisation: str, words: Words) -> str:
    requester, count = artefact.requester, len(artefact.records)
    if requester.did == requester.organisation:
        return words.organisation.format(organisation, count)
    role = words.roles.get(requester.role, requester.role)
    return words.person.format(requester.name, role, organisation, count)


def _dates(artefact: Artefact, words: Words) -> str:
    return words.dates[artefact.dates.start is not None, artefact.dates.end is not None].format(
        artefact.dates.start, artefact.dates.end
    )


def _time(artefact: Artefact, words: Words) -> str:
    start, end = _moment(artefact.valid_from, words), _moment(artefact.valid_until, words)
    return words.time.format(start, end, _length(artefact.valid_until - artefact.valid_from, words))


def _opens(artefact: Artefact, words: Words) -> str:
    if artefact.max_opens == 0:
        return words.opens_any
    return (words.opens_once if artefact.max_opens == 1 else words.opens_many).format(artefact.max_opens)


def _moment(time_ms: int, words: Words) -> str:
    shown = _EPOCH + timedelta(milliseconds=time_ms, hours=words.offset_hours)
    return f"{shown.year:04d}-{shown.month:02d}-{shown.day:02d} {shown.hour:02d}:{shown.minute:02d}"


def _length(length_ms: int, words: Words) -> str:
    minutes = -(-length_ms // 60_000)
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes % size == 0:
            return words.amount(unit, minutes // size)
    return words.amount("minute", minutes)


def _delegate_relation(artefact: Artefact, words: Words) -> str:
    relation = artefact.delegate.relation if artefact.delegate else ""
    return words.relations.get(relation, relation)
