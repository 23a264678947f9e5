"""The validator set: who may vote, how much their vote weighs, and whose turn it is to propose.

Rules (CometBFT v0.38, types/validator_set.go)
- Order: voting power descending, then address ascending. The index of a validator is its place there.
- Hash: RFC 6962 root over SimpleValidator (public key and power); priorities and addresses are not in it.
- More than two thirds means 3·power > 2·total, in integers.
- Proposer: each turn every priority grows by its power, the highest (lowest address on a tie) proposes and
  pays the total. Before that, priorities are scaled to a window of twice the total and centred on zero.
- Somebody who joins starts at -1.125·total, so that leaving and rejoining gains no turn.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ledger.types import merkle, proto
from ledger.types.ids import address_of

MAX_TOTAL_POWER = (2**63 - 1) // 8
PRIORITY_WINDOW = 2


class ValidatorSetError(ValueError):
    """These validators make no set: empty, doubled, or of impossible power."""


@dataclass(frozen=True, slots=True)
class Validator:
    """One voter: 20-byte address, 32-byte Ed25519 public key, voting power, proposer priority."""

    address: bytes
    public_key: bytes
    power: int
    priority: int = 0

    @classmethod
    def of(cls, public_key: bytes, power: int) -> "Validator":
        """A validator by its key."""
        return cls(address_of(public_key), public_key, power)

    def encode_simple(self) -> bytes:
        """tendermint.types.SimpleValidator: what the set's hash covers."""
        return proto.message(1, proto.data(1, self.public_key)) + proto.integer(2, self.power)


@dataclass(frozen=True)
class ValidatorSet:
    """Validators in their order, with the proposer of round 0 of the height they stand for."""

    validators: tuple[Validator, ...]
    proposer: Validator

    def __post_init__(self) -> None:
        _check(self.validators)

    @classmethod
    def of(cls, validators: Iterable[Validator]) -> "ValidatorSet":
        """A fresh set with the first proposer chosen, as a genesis makes it. Raises ValidatorSetError."""
        members = tuple(replace(validator, priority=0) for validator in validators)
        _check(members)
        return cls(_ordered(members), members[0]).advanced(1)

    def __len__(self) -> int:
        return len(self.validators)

    def get(self, index: int) -> Validator | None:
        """The validator at `index`, or None."""
        return self.validators[index] if 0 <= index < len(self.validators) else None

    def index_of(self, address: bytes) -> int | None:
        """The index of the validator with this address, or None when it is not of the set."""
        return self._indices.get(address)

    @cached_property
    def _indices(self) -> Mapping[bytes, int]:
        return {validator.address: index for index, validator in enumerate(self.validators)}

    @cached_property
    def total_power(self) -> int:
        """The power of all validators together."""
        return sum(validator.power for validator in self.validators)

    def has_two_thirds(self, power: int) -> bool:
        """Whether `power` is more than two thirds of the total: 2f+1 of the paper."""
        return 3 * power > 2 * self.total_power

    def has_one_third(self, power: int) -> bool:
        """Whether `power` is more than a third of the total: f+1 of the paper, one correct voter at least."""
        return 3 * power > self.total_power

    @cached_property
    def hash(self) -> bytes:
        """The `validators_hash` of a header."""
        return merkle.root([validator.encode_simple() for validator in self.validators])

    def proposer_at(self, round_: int) -> Validator:
        """The proposer of `round_` of the height that this set stands for."""
        if round_ == 0:
            return self.proposer
        while len(self._turns) < round_:
            before = self._turns[-1][0] if self._turns else self._ready
            self._turns.append(self._turn(before))
        return self._turns[round_ - 1][1]

    @cached_property
    def _ready(self) -> tuple[Validator, ...]:
        return _centred(_rescaled(self.validators, PRIORITY_WINDOW * self.total_power))

    @cached_property
    def _turns(self) -> list[tuple[tuple[Validator, ...], Validator]]:
        """Who proposes in rounds 1, 2, ..: worked out once, as far as somebody asked."""
        return []

    def advanced(self, times: int) -> "ValidatorSet":
        """The set `times` turns later (times >= 1); the next height's set is `advanced(1)`."""
        if times < 1:
            raise ValidatorSetError(f"turns to advance must be at least 1, got {times}")
        members, proposer = self._ready, self.proposer
        for _turn in range(times):
            members, proposer = self._turn(members)
        return ValidatorSet(members, proposer)

    def _turn(self, members: tuple[Validator, ...]) -> tuple[tuple[Validator, ...], Validator]:
        grown = [replace(member, priority=member.priority + member.power) for member in members]
        at = min(range(len(grown)), key=lambda i: (-grown[i].priority, grown[i].address))
        grown[at] = replace(grown[at], priority=grown[at].priority - self.total_power)
        return tuple(grown), grown[at]

    def updated(self, changes: Iterable[Validator]) -> "ValidatorSet":
        """The set after `changes`: power 0 removes, a new address joins, a known one gets the new power.

        Raises ValidatorSetError for a doubled or unknown address, and when nobody would be left. The proposer
        is kept until the next turn; the caller advances.
        """
        wanted = _unique(changes)
        by_address = {member.address: member for member in self.validators}
        missing = [
            change for change in wanted.values() if not change.power and change.address not in by_address
        ]
        if missing:
            raise ValidatorSetError("cannot remove a validator that is not of the set")
        merged = {**by_address, **wanted}
        members = [member for member in merged.values() if member.power]
        # CometBFT v0.38 verifyRemovals: newcomers are ranked against the total before removals take effect.
        before_removal = sum(member.power or by_address[member.address].power for member in merged.values())
        debt = -(before_removal + (before_removal >> 3))
        joined = tuple(
            replace(
                member, priority=by_address[member.address].priority if member.address in by_address else debt
            )
            for member in members
        )
        _check(joined)
        window = PRIORITY_WINDOW * sum(member.power for member in joined)
        return ValidatorSet(_ordered(_centred(_rescaled(joined, window))), self.proposer)


def _check(members: tuple[Validator, ...]) -> None:
    if not members:
        raise ValidatorSetError("a validator set needs at least one validator")
    if any(member.power < 1 for member in members):
        raise ValidatorSetError("voting power must be at least 1")
    if sum(member.power for member in members) > MAX_TOTAL_POWER:
        raise ValidatorSetError(f"total voting power exceeds {MAX_TOTAL_POWER}")
    if len({member.address for member in members}) != len(members):
        raise ValidatorSetError("the same validator occurs twice")


def _unique(changes: Iterable[Validator]) -> dict[bytes, Validator]:
    wanted: dict[bytes, Validator] = {}
    for change in changes:
        if change.address in wanted or change.power < 0:
            raise ValidatorSetError("a change names a validator twice or has negative power")
        wanted[change.address] = change
    return wanted


def _ordered(members: Iterable[Validator]) -> tuple[Validator, ...]:
    return tuple(sorted(members, key=lambda member: (-member.power, member.address)))


def _rescaled(members: tuple[Validator, ...], window: int) -> tuple[Validator, ...]:
    priorities = [member.priority for member in members]
    spread = max(priorities) - min(priorities)
    if spread <= window:
        return members
    ratio = (spread + window - 1) // window
    return tuple(replace(member, priority=_toward_zero(member.priority, ratio)) for member in members)


def _centred(members: tuple[Validator, ...]) -> tuple[Validator, ...]:
    average = sum(member.priority for member in members) // len(members)
    return (
        tuple(replace(member, priority=member.priority - average) for member in members)
        if average
        else members
    )


def _toward_zero(value: int, divisor: int) -> int:
    """Go's integer division, which CometBFT uses here: it truncates, Python's floors."""
    return -(-value // divisor) if value < 0 else value // divisor
