"""What a light client can conclude, and from what: values of the verification."""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from ledger.types.block import Commit, Header
from ledger.types.validators import ValidatorSet


class Outcome(Enum):
    """The three ways in which a verification ends."""

    SUCCESS = "success"
    NOT_ENOUGH_TRUST = "not enough trust"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome and, unless it is success, why.

    NOT_ENOUGH_TRUST: nothing is wrong, but too few of the trusted validators signed; verify a header between
    first. INVALID: whoever served this lies or is broken; ask another.
    """

    outcome: Outcome
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the header may be trusted."""
        return self.outcome is Outcome.SUCCESS


SUCCESS = Verdict(Outcome.SUCCESS)


def invalid(reason: str) -> Verdict:
    """A refusal: no honest chain has this."""
    return Verdict(Outcome.INVALID, reason)


def not_enough_trust(reason: str) -> Verdict:
    """No conclusion in one step."""
    return Verdict(Outcome.NOT_ENOUGH_TRUST, reason)


@dataclass(frozen=True, slots=True)
class LightBlock:
    """A header, the commit for it, and the validators that it names (with the next ones, if at hand)."""

    header: Header
    commit: Commit
    validators: ValidatorSet
    next_validators: ValidatorSet | None = None


@dataclass(frozen=True, slots=True)
class TrustedState:
    """What is trusted already: a header, and the validators of the height after it."""

    header: Header
    next_validators: ValidatorSet


@dataclass(frozen=True, slots=True)
class Options:
    """How long a header is trusted, how much of the trusted power must sign on, how far clocks may differ."""

    trusting_period_ns: int
    trust_level: Fraction = Fraction(1, 3)
    clock_drift_ns: int = 0

    def __post_init__(self) -> None:
        if not Fraction(1, 3) <= self.trust_level <= 1:
            raise ValueError(f"trust level must lie in 1/3..1, got {self.trust_level}")
        if self.trusting_period_ns < 1 or self.clock_drift_ns < 0:
            raise ValueError("trusting period must be positive and clock drift not negative")
