"""A request for access (docs/formats.md section 4), before any consent: its fields, checks and signature.

Rules
- The requester's DID key signs the canonical request; what is checked is what was signed.
- Unknown fields are refused. Lists name each item once. Text is one visible line.
- A clinician (did:key) shows a credential; an organisation (did:salus) signs as itself and shows none.
- A request lives at most seven days and may ask for at most five years.
- The access key and the sealing key are fresh and named inside, so that what is granted serves only here.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from wallet.core import documents as doc
from wallet.core import suites
from wallet.core._ledger import b64u_encode, tagged_hash, verify_ed25519
from wallet.core.errors import Forged

Mode = Literal["view", "store"]
Purpose = Literal[
    "TREAT", "ETREAT", "CAREMGT", "HPAYMT", "COVERAGE", "HOPERAT", "HRESCH", "PUBHLTH", "PATRQT"
]
SIGN_PREFIX = b"salus/request/v1\x00"
MAX_LIFE_MS = 7 * 24 * 3600 * 1000
MAX_DURATION_S = 5 * 366 * 24 * 3600
MAX_TYPES = 64
_DOC = "request"
_CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}-?[0-9A-HJKMNP-TV-Z]{4}\Z")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9./_-]{0,63}\Z")
_KEY_ID = re.compile(r"#[a-z0-9-]{1,32}\Z")
_JWT = re.compile(r"[A-Za-z0-9_-]{1,8192}\.[A-Za-z0-9_-]{1,8192}\.[A-Za-z0-9_-]{86}\Z")


class DateRange(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}
):
    """The days that records may lie in, both ends included; None leaves that end open."""

    start: str | None
    end: str | None


class Requester(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks. `credential`: the VC-JWT of a clinician, or "" for an organisation."""

    did: str
    organisation: str
    credential: str
    name: str
    role: str


class SealKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key to seal the grant key to; `public` is b64u."""

    suite: str
    public: str
    id: str


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request. Times in milliseconds since 1970 UTC, `duration_s` in seconds."""

    version: Literal[1]
    ledger: str
    id: str
    patient: str
    requester: Requester
    purpose: Purpose
    reason: str
    types: tuple[str, ...]
    dates: DateRange
    mode: Mode
    duration_s: int
    access_key: str
    seal_key: SealKey
    created_at: int
    expires_at: int
    nonce: str


def parse_request(document: Mapping[str, object]) -> Request:
    """The request in a parsed JSON object, checked. Raises Malformed (with the place), UnknownSuite."""
    request = doc.decode(_DOC, document, Request)
    check_request(request)
    return request


def check_request(request: Request) -> None:
    """Every rule that needs no clock and no key. Raises Malformed or UnknownSuite."""
    doc.check_text(_DOC, "$.ledger", request.ledger, 50)
    doc.check_id(_DOC, "$.id", request.id)
    doc.check_id(_DOC, "$.nonce", request.nonce)
    doc.require(
        _DOC, "$.patient", bool(_CODE.match(request.patient)), "a patient code XXXX-XXXX", "another form"
    )
    doc.check_text(_DOC, "$.reason", request.reason, 500, empty=True)
    check_types(_DOC, request.types)
    check_dates(_DOC, request.dates)
    doc.key_bytes(_DOC, "$.access_key", request.access_key, 32)
    _check_requester(request.requester)
    _check_seal_key(request.seal_key)
    _check_times(request)


def check_types(document: str, types: tuple[str, ...]) -> None:
    """Record types: 1 to 64 different names such as `Observation` or `Claim.items`."""
    doc.check_distinct(document, "$.types", types, MAX_TYPES)
    for index, name in enumerate(types):
        doc.require(document, f"$.types[{index}]", bool(_TYPE.match(name)), "a record type", "another form")


def check_dates(document: str, dates: DateRange) -> None:
    """Both ends are calendar days or None, in order."""
    doc.check_day(document, "$.dates.from", dates.start)
    doc.check_day(document, "$.dates.to", dates.end)
    ordered = dates.start is None or dates.end is None or dates.start <= dates.end
    doc.require(document, "$.dates", ordered, "from no later than to", "from after to")


def request_bytes(request: Request) -> bytes:
    """JCS of the request."""
    return doc.canonical_bytes(_DOC, request)


def request_hash(request: Request) -> bytes:
    """`H("salus/request/v1", JCS(request))`, 32 bytes: what an artefact names it by."""
    return tagged_hash("salus/request/v1", request_bytes(request))


def request_sign_bytes(request: Request) -> bytes:
    """What the requester's key signs: "salus/request/v1" ‖ 0x00 ‖ JCS(request)."""
    return SIGN_PREFIX + request_bytes(request)


def verify_request(request: Request, signature: bytes, public: bytes) -> None:
    """Raises Forged unless `signature` (64 bytes) over the request verifies under Ed25519 key `public`."""
    if not verify_ed25519(public, request_sign_bytes(request), signature):
        raise Forged("the request is not signed by its requester's key: refuse it")


def credential_hash(jwt: str) -> str:
    """`b64u(H("salus/credential/v1", JWT bytes))`; "" for no credential."""
    return b64u_encode(tagged_hash("salus/credential/v1", jwt.encode("utf-8"))) if jwt else ""


def _check_requester(requester: Requester) -> None:
    doc.check_did(_DOC, "$.requester.did", requester.did)
    doc.check_did(_DOC, "$.requester.organisation", requester.organisation, "salus")
    doc.check_text(_DOC, "$.requester.name", requester.name, 120)
    doc.check_text(_DOC, "$.requester.role", requester.role, 64)
    place = "$.requester.credential"
    if requester.did.startswith("did:key:"):
        good = bool(_JWT.match(requester.credential))
        doc.require(_DOC, place, good, "a clinician's VC-JWT", "another form")
        return
    doc.require(_DOC, place, not requester.credential, "none for an organisation", "a credential")
    same = requester.did == requester.organisation
    doc.require(_DOC, "$.requester.did", same, "the organisation's own DID", "another DID")


def _check_seal_key(key: SealKey) -> None:
    doc.require(
        _DOC, "$.seal_key.id", bool(_KEY_ID.match(key.id)), "a key id such as #seal-1", "another form"
    )
    size = suites.suite(key.suite).public_size
    public = doc.key_bytes(_DOC, "$.seal_key.public", key.public, size)
    suites.public_key(key.suite, public)


def _check_times(request: Request) -> None:
    doc.check_time(_DOC, "$.created_at", request.created_at)
    doc.check_time(_DOC, "$.expires_at", request.expires_at)
    life = request.expires_at - request.created_at
    doc.require(
        _DOC, "$.expires_at", 0 < life <= MAX_LIFE_MS, "1 ms to 7 days after created_at", f"{life} ms"
    )
    good = 0 < request.duration_s <= MAX_DURATION_S
    doc.require(_DOC, "$.duration_s", good, f"1 to {MAX_DURATION_S} seconds", request.duration_s)
