"""The consent artefact (docs/formats.md section 4): what a patient signs, and its commitments on the ledger.

Rules
- The artefact repeats the request's requester, purpose and hash; wallet.core.narrow says what may differ.
- `text` is the hash of the text that was on the screen, so what is signed is what was shown.
- The ledger sees salted commitments only; the salt is 32 random bytes, one per consent.
- Records are named one by one, ascending; a consent for nothing, or that ends before it begins, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import msgspec

from wallet.core import documents as doc
from wallet.core._ledger import b64u_encode, tagged_hash
from wallet.core.consent_text import consent_text
from wallet.core.request import DateRange, Mode, Purpose, check_dates, check_types

_DOC = "artefact"
MAX_RECORDS = 10_000
LAST_TIME_MS = 253_370_764_800_000
"""The year 9999: later times have no four-digit year to show."""

Locale = Literal["en", "zh-Hans"]
Ceiling = Literal["N", "R", "V"]


class Grantee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may read. `credential` is the b64u hash of the clinician's VC-JWT, or "" for an organisation."""

    did: str
    organisation: str
    credential: str
    name: str
    role: str


class Delegate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who agreed for the patient: `relation` is parent, guardian, spouse, child or attorney."""

    did: str
    name: str
    relation: Literal["parent", "guardian", "spouse", "child", "attorney"]


class Artefact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One consent, whole. Times in milliseconds since 1970 UTC; `max_opens` 0 means no limit."""

    version: Literal[1]
    ledger: str
    id: str
    subject: str
    requester: Grantee
    purpose: Purpose
    types: tuple[str, ...]
    records: tuple[str, ...]
    dates: DateRange
    mode: Mode
    valid_from: int
    valid_until: int
    erase_at: int
    max_opens: int
    confidentiality: Ceiling
    delegate: Delegate | None
    locale: Locale
    text: str
    request: str
    nonce: str


def parse_artefact(document: Mapping[str, object]) -> Artefact:
    """The artefact in a parsed JSON object, checked. Raises Malformed (place, expected, actual)."""
    artefact = doc.decode(_DOC, document, Artefact)
    check_artefact(artefact)
    return artefact


def check_artefact(artefact: Artefact) -> None:
    """Every rule that the artefact alone can break. Raises Malformed."""
    doc.check_text(_DOC, "$.ledger", artefact.ledger, 50)
    doc.check_id(_DOC, "$.id", artefact.id)
    doc.check_id(_DOC, "$.nonce", artefact.nonce)
    doc.check_did(_DOC, "$.subject", artefact.subject, "salus")
    for name in ("text", "request"):
        doc.key_bytes(_DOC, f"$.{name}", getattr(artefact, name), 32)
    check_types(_DOC, artefact.types)
    check_dates(_DOC, artefact.dates)
    _check_grantee(artefact.requester)
    _check_records(artefact.records)
    _check_times(artefact)
    if artefact.delegate is not None:
        doc.check_did(_DOC, "$.delegate.did", artefact.delegate.did)
        doc.check_text(_DOC, "$.delegate.name", artefact.delegate.name, 120)


def artefact_bytes(artefact: Artefact) -> bytes:
    """JCS of the artefact."""
    return doc.canonical_bytes(_DOC, artefact)


def text_hash(text: str) -> str:
    """`b64u(H("salus/shown/v1", text))`: the artefact's `text` for the words shown."""
    return b64u_encode(tagged_hash("salus/shown/v1", text.encode("utf-8")))


def with_text(artefact: Artefact, names: Mapping[str, str]) -> tuple[Artefact, str]:
    """The artefact with the hash of its own text, and that text, to be shown before anything is signed."""
    text = consent_text(artefact, names, artefact.locale)
    return msgspec.structs.replace(artefact, text=text_hash(text)), text


def text_matches(artefact: Artefact, names: Mapping[str, str]) -> bool:
    """Whether the artefact's `text` is the hash of the text that this artefact shows."""
    return text_hash(consent_text(artefact, names, artefact.locale)) == artefact.text


@lru_cache(maxsize=16)  # one opening asks the policy about up to a thousand records of one artefact
def artefact_commitment(salt: bytes, artefact: Artefact) -> str:
    """ConsentGranted's `artefact`: `b64u(H("salus/consent/v1", salt, JCS(artefact)))`."""
    return _commit("salus/consent/v1", salt, artefact_bytes(artefact))


def requester_commitment(salt: bytes, did: str) -> str:
    """ConsentGranted's `requester`: `b64u(H("salus/requester/v1", salt, requester DID))`."""
    return _commit("salus/requester/v1", salt, did.encode("utf-8"))


def organisation_commitment(salt: bytes, did: str) -> str:
    """ConsentGranted's `organisation`: `b64u(H("salus/organisation/v1", salt, organisation DID))`."""
    return _commit("salus/organisation/v1", salt, did.encode("utf-8"))


def _commit(tag: str, salt: bytes, value: bytes) -> str:
    doc.require("opening", "$.salt", len(salt) == 32, "32 bytes", f"{len(salt)} bytes")
    return b64u_encode(tagged_hash(tag, salt, value))


def _check_grantee(grantee: Grantee) -> None:
    doc.check_did(_DOC, "$.requester.did", grantee.did)
    doc.check_did(_DOC, "$.requester.organisation", grantee.organisation, "salus")
    doc.check_text(_DOC, "$.requester.name", grantee.name, 120)
    doc.check_text(_DOC, "$.requester.role", grantee.role, 64)
    if grantee.did.startswith("did:key:"):
        doc.key_bytes(_DOC, "$.requester.credential", grantee.credential, 32)
        return
    own = grantee.did == grantee.organisation and not grantee.credential
    doc.require(_DOC, "$.requester", own, "an organisation as itself, without a credential", "another form")


def _check_records(records: tuple[str, ...]) -> None:
    doc.check_distinct(_DOC, "$.records", records, MAX_RECORDS)
    doc.require(_DOC, "$.records", list(records) == sorted(records), "ascending record ids", "another order")
    for index, record in enumerate(records):
        doc.check_record_id(_DOC, f"$.records[{index}]", record)


def _check_times(artefact: Artefact) -> None:
    for name in ("valid_from", "valid_until", "erase_at"):
        value = getattr(artefact, name)
        doc.require(_DOC, f"$.{name}", 0 <= value <= LAST_TIME_MS, "milliseconds since 1970", value)
    ordered = artefact.valid_from < artefact.valid_until <= artefact.erase_at
    doc.require(_DOC, "$.valid_until", ordered, "valid_from < valid_until <= erase_at", "another order")
    doc.require(_DOC, "$.max_opens", 0 <= artefact.max_opens <= 1_000_000, "0 to 1000000", artefact.max_opens)
