"""What can go wrong between a client and the ledger, and who has to act.

- `TxRejected`: the rules refused the transaction. `permanent` says whether signing it again could help.
- `LedgerUnavailable`: no quorum answered in time. Nothing is lost: submit the same bytes again.
- `ProofInvalid`: a validator's answer did not check out. The client tries the next one and raises this only
  when no validator gave an answer that verifies.
"""


class LedgerError(Exception):
    """Anything the ledger's client raises."""


class TxRejected(LedgerError):
    """The ledger's rules refused a transaction; it is not and will not be in a block as it stands.

    `code` is the machine's stable number, `reason` its name and words, `permanent` whether these same bytes
    can never be accepted (make and sign a new transaction) or may be sent again later.
    """

    def __init__(self, code: int, reason: str, permanent: bool) -> None:
        super().__init__(f"transaction rejected (code {code}): {reason}")
        self.code = code
        self.reason = reason
        self.permanent = permanent


class LedgerUnavailable(LedgerError):
    """Too few validators answered or agreed in time. A submitted transaction may still commit later.

    Submitting the same wire bytes again is safe: it returns the same committed result.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProofInvalid(LedgerError):
    """A validator answered with something its signatures or proofs do not support: never use that answer."""

    def __init__(self, validator: str, expected: str, actual: str) -> None:
        super().__init__(
            f"validator {validator} gave an answer that does not verify: expected {expected}, got {actual}"
        )
        self.validator = validator


class NotFound(LedgerError):
    """The ledger holds no such transaction or block (yet)."""
