"""What a light client can conclude, and from what: values of the verification."""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from ledger.types.block import Commit, Header, Version
from ledger.types.genesis import Genesis
from ledger.types.ids import NIL
from ledger.types.validators import ValidatorSet


class Outcome(Enum):
    """The three ways in which a verification ends."""

    SUCCESS = "success"
    NOT_ENOUGH_TRUST = "not enough trust"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome and, unless it is success, the rule that it failed and why.

    NOT_ENOUGH_TRUST: nothing is wrong, but too few of the trusted validators signed; verify a header between
    first. INVALID: whoever served this lies or is broken; ask another.
    """

    outcome: Outcome
    rule: str = ""
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the header may be trusted."""
        return self.outcome is Outcome.SUCCESS


SUCCESS = Verdict(Outcome.SUCCESS)


def invalid(rule: str, reason: str) -> Verdict:
    """A refusal: no honest chain has this."""
    return Verdict(Outcome.INVALID, rule, reason)


def not_enough_trust(rule: str, reason: str) -> Verdict:
    """No conclusion in one step."""
    return Verdict(Outcome.NOT_ENOUGH_TRUST, rule, reason)


@dataclass(frozen=True, slots=True)
class LightBlock:
    """A header, the commit for it, and the validators that it names (with the next ones, if at hand).

    `priorities_stated`: whoever served the sets gave proposer priorities, too; otherwise those in the sets
    mean nothing.
    """

    header: Header
    commit: Commit
    validators: ValidatorSet
    next_validators: ValidatorSet | None = None
    priorities_stated: bool = False

    @property
    def height(self) -> int:
        """The header's height."""
        return self.header.height


@dataclass(frozen=True, slots=True)
class TrustedState:
    """What is trusted already: a header, and the validators of the height after it."""

    header: Header
    next_validators: ValidatorSet
    priorities_stated: bool = False

    @classmethod
    def of(cls, block: LightBlock) -> "TrustedState":
        """What a verified block lets us trust. Raises ValueError when it lacks the next, other validators."""
        after = block.next_validators
        if after is not None:
            return cls(block.header, after, block.priorities_stated)
        if block.header.next_validators_hash != block.header.validators_hash:
            raise ValueError(
                f"block {block.height} came without the next validators, which differ from its own"
            )
        return cls(block.header, block.validators)

    @classmethod
    def of_genesis(cls, genesis: Genesis) -> "TrustedState":
        """The genesis as if it were the header before the first, which its validators are trusted to sign."""
        validators = genesis.validator_set()
        before = Header(
            Version(),
            genesis.chain_id,
            genesis.initial_height - 1,
            genesis.time_ns - 1,
            *(NIL, b"", b"", validators.hash, validators.hash, b"", genesis.app_hash, b"", b"", b""),
        )
        return cls(before, validators)


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
