"""What can go wrong at the wallet's door: each says who failed, what was expected, and what to do next.

`code` is stable and goes to API clients; `message` and `next` are fit to be shown and hold no personal data.
"""


class WalletError(Exception):
    """Base of every refusal of the wallet. `retry` says whether the same call may succeed later."""

    code = "wallet_error"
    next = "Check the request and try again."
    retry = False

    def __init__(self, message: str, *, next: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if next is not None:
            self.next = next


class NotFound(WalletError):
    """It does not exist, or it is not this person's: the two are told apart to nobody."""

    code = "not_found"
    next = "Check the code or go back to the list."


class Refused(WalletError):
    """A well-formed call that the rules forbid in the present state."""

    code = "refused"
    next = "Reload to see the present state."


class Invalid(WalletError):
    """The caller's data is wrong: a signature, a field, a commitment."""

    code = "invalid"


class RateLimited(WalletError):
    code = "rate_limited"
    next = "Wait a minute before asking again."
    retry = True


class WrongFactor(WalletError):
    """The PIN does not open the custodial bundle; nothing was signed."""

    code = "wrong_pin"

    def __init__(self, attempts_left: int) -> None:
        super().__init__(
            f"The PIN is wrong; {attempts_left} attempts are left.",
            next="Enter the PIN that you chose at set-up." if attempts_left else "The PIN is locked now.",
        )
        self.attempts_left = attempts_left


class FactorLocked(WalletError):
    """Five wrong PINs: the bundle stays shut until `locked_until` (ms since 1970)."""

    code = "pin_locked"
    retry = True

    def __init__(self, locked_until: int) -> None:
        super().__init__(
            "Too many wrong PINs: signing is locked for a while.",
            next="Wait until the lock ends, or ask your hospital to check your identity.",
        )
        self.locked_until = locked_until


class NoConsent(WalletError):
    """No active consent covers this; the same answer whether the patient or the records exist or not."""

    code = "no_consent"
    next = "Ask the patient for consent with a request that names the purpose and the record types."


class LedgerDown(WalletError):
    """The ledger commits nothing now. Nothing is lost; the same call works once a quorum is back."""

    code = "ledger_unavailable"
    next = "Try again shortly; what was signed is kept."
    retry = True


class StorageDown(WalletError):
    """Too few storage providers answer with the right bytes."""

    code = "storage_unavailable"
    next = "Try again shortly; no wrong data was returned."
    retry = True


class KeyUnavailable(WalletError):
    """A key that this process needs is absent, or wrapped under another service key."""

    code = "key_unavailable"
    next = "Check SALUS_KEK_FILE and SALUS_GATEWAYS."
