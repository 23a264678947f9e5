"""The one policy engine: may this reader read this record now? Everything that releases a record asks here.

Rules (each is one predicate; the first that fails is the reason)
- The consent on the ledger is this artefact's, was granted, is not revoked, has begun and has not ended.
- It has opens left.
- The reader is the grantee: same DID, same organisation, same credential; a clinician's credential is
  registered, not revoked and not expired.
- The reader's purpose is the consent's purpose.
- The record is named in the artefact, and fits its types, days and confidentiality ceiling.
- What is not known is denied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from wallet.core.consent import Artefact, artefact_commitment, organisation_commitment, requester_commitment
from wallet.core.narrow import RecordFacts, within_ceiling, within_days


class Reason(StrEnum):
    """Why a decision is what it is; stable codes for logs, errors and tests."""

    ALLOWED = "allowed"
    OTHER_CONSENT = "other_consent"
    NOT_GRANTED = "not_granted"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    OTHER_READER = "other_reader"
    NO_CREDENTIAL = "no_credential"
    CREDENTIAL_REVOKED = "credential_revoked"
    CREDENTIAL_EXPIRED = "credential_expired"
    OTHER_PURPOSE = "other_purpose"
    RECORD_NOT_NAMED = "record_not_named"
    OTHER_TYPE = "other_type"
    OTHER_DATES = "other_dates"
    TOO_CONFIDENTIAL = "too_confidential"


@dataclass(frozen=True)
class LedgerConsent:
    """`consent/<id>` in the ledger's verified state; commitments in b64u; `state` granted or revoked."""

    subject: str
    artefact: str
    requester: str
    organisation: str
    valid_from: int
    valid_until: int
    max_opens: int
    state: str
    opens: int


@dataclass(frozen=True)
class LedgerCredential:
    """`credential/<hash>` as the ledger's verified state holds it."""

    organisation: str
    valid_until: int
    revoked: bool


@dataclass(frozen=True)
class Reader:
    """Who reads: DID, organisation DID, credential hash ("" for an organisation), purpose declared.

    `ledger_credential` is None for an organisation, and for a clinician whose credential is not registered.
    """

    did: str
    organisation: str
    credential: str
    purpose: str
    ledger_credential: LedgerCredential | None


@dataclass(frozen=True)
class Question:
    """One question to the policy. `now`: milliseconds, the later of header time and the releaser's clock.

    `opens_used` is how many acts of opening were committed before this one.
    """

    artefact: Artefact
    salt: bytes
    consent: LedgerConsent | None
    reader: Reader
    record: RecordFacts
    now: int
    opens_used: int


@dataclass(frozen=True)
class Decision:
    """The answer; `reason` is ALLOWED exactly when `allowed`."""

    allowed: bool
    reason: Reason


def may_read(question: Question) -> Decision:
    """Whether the record may be released to the reader now, and why (not)."""
    for reason, holds in _PREDICATES:
        if not holds(question):
            return Decision(False, reason)
    return Decision(True, Reason.ALLOWED)


def _is_this_consent(q: Question) -> bool:
    consent, artefact = q.consent, q.artefact
    return consent is not None and (
        consent.subject,
        consent.artefact,
        consent.requester,
        consent.organisation,
        consent.valid_from,
        consent.valid_until,
        consent.max_opens,
    ) == (
        artefact.subject,
        artefact_commitment(q.salt, artefact),
        requester_commitment(q.salt, artefact.requester.did),
        organisation_commitment(q.salt, artefact.requester.organisation),
        artefact.valid_from,
        artefact.valid_until,
        artefact.max_opens,
    )


def _is_granted(q: Question) -> bool:
    return q.consent is not None and q.consent.state == "granted"


def _has_opens_left(q: Question) -> bool:
    return q.artefact.max_opens == 0 or q.opens_used < q.artefact.max_opens


def _is_the_grantee(q: Question) -> bool:
    grantee = q.artefact.requester
    asked = (q.reader.did, q.reader.organisation, q.reader.credential)
    return asked == (grantee.did, grantee.organisation, grantee.credential)


def _is_organisation(q: Question) -> bool:
    return q.reader.did == q.reader.organisation and not q.reader.credential


def _has_credential(q: Question) -> bool:
    registered = q.reader.ledger_credential
    return _is_organisation(q) or (
        registered is not None and registered.organisation == q.reader.organisation
    )


def _credential_stands(q: Question) -> bool:
    registered = q.reader.ledger_credential
    return _is_organisation(q) or (registered is not None and not registered.revoked)


def _credential_is_current(q: Question) -> bool:
    registered = q.reader.ledger_credential
    return _is_organisation(q) or (registered is not None and q.now < registered.valid_until)


_PREDICATES: tuple[tuple[Reason, Callable[[Question], bool]], ...] = (
    (Reason.OTHER_CONSENT, _is_this_consent),
    (Reason.NOT_GRANTED, _is_granted),
    (Reason.NOT_YET, lambda q: q.artefact.valid_from <= q.now),
    (Reason.EXPIRED, lambda q: q.now < q.artefact.valid_until),
    (Reason.EXHAUSTED, _has_opens_left),
    (Reason.OTHER_READER, _is_the_grantee),
    (Reason.NO_CREDENTIAL, _has_credential),
    (Reason.CREDENTIAL_REVOKED, _credential_stands),
    (Reason.CREDENTIAL_EXPIRED, _credential_is_current),
    (Reason.OTHER_PURPOSE, lambda q: q.reader.purpose == q.artefact.purpose),
    (Reason.RECORD_NOT_NAMED, lambda q: q.record.record in q.artefact.records),
    (Reason.OTHER_TYPE, lambda q: q.record.type in q.artefact.types),
    (Reason.OTHER_DATES, lambda q: within_days(q.record, q.artefact.dates)),
    (Reason.TOO_CONFIDENTIAL, lambda q: within_ceiling(q.record.label, q.artefact.confidentiality)),
)
