"""The consensus of one height: `apply(state, input) -> (state, effects)`, pure.

arXiv 1807.04938, Algorithm 1. `new_height` makes the state, inputs move it, effects say what the host must do.
"""

from dataclasses import dataclass

from ledger.consensus.effects import Effect
from ledger.consensus.inputs import Input
from ledger.types.block import Commit
from ledger.types.validators import ValidatorSet


@dataclass(frozen=True, slots=True)
class HeightState:
    """Everything one validator knows about one height. Treat as opaque but for height, round, step, decided."""

    height: int
    validators: ValidatorSet
    address: bytes


def new_height(height: int, validators: ValidatorSet, address: bytes) -> HeightState:
    """The state before `StartHeight`. `address` is our validator address; an observer gives b"" and never votes."""
    raise NotImplementedError


def apply(state: HeightState, happened: Input) -> tuple[HeightState, tuple[Effect, ...]]:
    """The state after `happened` and what the host must do, in order. Never raises for what peers send."""
    raise NotImplementedError


def seen_commit(state: HeightState) -> Commit:
    """The decided commit with every precommit seen until now: the last commit of the block that follows.

    Raises ValueError before the decision.
    """
    raise NotImplementedError
