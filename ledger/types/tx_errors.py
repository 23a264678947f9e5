"""Why a transaction is refused: one stable table.

Rules
- A number never changes its meaning; new refusals take new numbers.
- `permanent` says that the same wire bytes can never be accepted later, whatever else is committed: the
  author must sign a new transaction (or give up). Everything else may be tried again until `not_after`.
- A reason names fields, sizes and times, never a person's data or a key.
"""

from enum import IntEnum


class Code(IntEnum):
    """Result code of a transaction, as CometBFT carries it; 0 is success. Names are stable, too."""

    OK = 0
    # The bytes
    TX_TOO_LARGE = 1
    TX_MALFORMED = 2
    TX_NOT_CANONICAL = 3
    WRONG_LEDGER = 4
    # Time and replay
    WINDOW_INVALID = 10
    TX_EXPIRED = 11
    ISSUED_IN_FUTURE = 12
    NONCE_USED = 13
    # Author and signature
    WRONG_AUTHOR = 20
    AUTHOR_UNKNOWN = 21
    KEY_UNKNOWN = 22
    SIGNATURE_INVALID = 23
    # Identity
    KEYSET_INVALID = 30
    KEY_WEAK = 31
    DID_MISMATCH = 32
    DID_TAKEN = 33
    SEQ_STALE = 34
    SEQ_AHEAD = 35
    NEXT_MISMATCH = 36
    # Organisations and clinicians
    NOT_AUTHORITY = 40
    NOT_ORGANISATION = 41
    ORGANISATION_KIND = 42
    CREDENTIAL_TAKEN = 43
    CREDENTIAL_UNKNOWN = 44
    CREDENTIAL_NOT_YOURS = 45
    CREDENTIAL_REVOKED = 46
    CREDENTIAL_PERIOD = 47
    # Records
    ANCHOR_TAKEN = 50
    SUBJECT_UNKNOWN = 51
    SUBJECT_NOT_PERSON = 52
    ANCHOR_UNKNOWN = 53
    ANCHOR_NOT_YOURS = 54
    ANCHOR_ACKNOWLEDGED = 55
    ANCHORS_MALFORMED = 56
    AUDIT_NOT_DRAWN = 57
    AUDIT_NOT_YOURS = 58
    AUDIT_REPEATED = 59
    # Consents
    CONSENT_TAKEN = 60
    CONSENT_UNKNOWN = 61
    CONSENT_NOT_YOURS = 62
    CONSENT_REVOKED = 63
    CONSENT_PERIOD = 64
    CONSENT_NOT_YET_VALID = 65
    CONSENT_EXPIRED = 66
    CONSENT_EXHAUSTED = 67
    CUSTODY_MISMATCH = 68
    # Accesses
    HANDLES_MALFORMED = 70
    HANDLES_NOT_COVERED = 71
    # Governance
    PROPOSAL_TAKEN = 80
    PROPOSAL_UNKNOWN = 81
    PROPOSAL_CLOSED = 82
    VOTE_TAKEN = 83
    NOT_ELECTOR = 84
    CHANGE_INVALID = 85
    CHECKPOINT_TOO_SOON = 86
    # Candidates
    CANDIDATE_UNKNOWN = 90
    CANDIDATE_VOTES = 91
    CANDIDACY_RENEWED = 92
    EPOCH_OTHER = 93

    @property
    def permanent(self) -> bool:
        """Whether the same wire bytes can never be accepted later."""
        return self not in _MAY_PASS_LATER


_MAY_PASS_LATER = frozenset(
    {
        Code.OK,
        Code.ISSUED_IN_FUTURE,
        Code.AUTHOR_UNKNOWN,
        Code.KEY_UNKNOWN,
        Code.SEQ_AHEAD,
        Code.NOT_ORGANISATION,
        Code.CREDENTIAL_UNKNOWN,
        Code.SUBJECT_UNKNOWN,
        Code.ANCHOR_UNKNOWN,
        Code.AUDIT_NOT_DRAWN,
        Code.CONSENT_UNKNOWN,
        Code.CONSENT_NOT_YET_VALID,
        Code.PROPOSAL_UNKNOWN,
        Code.NOT_ELECTOR,
        Code.CHANGE_INVALID,
        Code.CHECKPOINT_TOO_SOON,
        Code.CANDIDATE_UNKNOWN,
        Code.CANDIDATE_VOTES,
        Code.EPOCH_OTHER,
    }
)


class Rejected(Exception):
    """The transaction is refused; its author is at fault. `code` says which rule, `reason` what to change."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code
        self.reason = reason

    @property
    def permanent(self) -> bool:
        """Whether the same wire bytes can never be accepted later."""
        return self.code.permanent


def safe_reason(error: Exception) -> str:
    """What a decoder's message says about the form, without the sender's own text, which may be anything."""
    problem, _, place = str(error).rpartition(" - at ")
    if not problem:
        problem, place = place, ""
    if problem.startswith("Invalid enum value"):
        problem = "value is not one of those allowed"
    elif problem.startswith("Object contains unknown field"):
        problem = "unknown field"
    return f"{problem} at {place}" if place else problem
