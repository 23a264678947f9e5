"""What one validator knows about one height: the variables of the paper, and what it has heard."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from ledger.consensus.effects import Effect
from ledger.consensus.inputs import Step
from ledger.consensus.votes import VoteKeeper
from ledger.types.ids import NIL, BlockID
from ledger.types.proposal import Proposal
from ledger.types.validators import ValidatorSet


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A block that the host holds: whether it is valid, and its header's time."""

    valid: bool
    time_ns: int


class HeightState(Struct, frozen=True):
    """The state of one height. The host may read height, round, step, the locked and valid pair, `votes`,
    `proposals` and `decision` (to tell peers what they lack); it changes nothing.

    A msgspec struct, since every input copies it and their `replace` costs a tenth of a dataclass's.
    """

    height: int
    validators: ValidatorSet
    address: bytes
    round: int = 0
    step: Step = Step.WAITING
    started: bool = False
    locked_value: BlockID = NIL
    locked_round: int = -1
    valid_value: BlockID = NIL
    valid_round: int = -1
    proposals: Mapping[int, Proposal] = field(default_factory=dict)
    blocks: Mapping[BlockID, KnownBlock] = field(default_factory=dict)
    votes: VoteKeeper = field(default_factory=VoteKeeper)
    once: frozenset[tuple[str, int | BlockID]] = frozenset()
    decision: tuple[int, BlockID] | None = None
    halted: bool = False

    def with_(self, **changes: Any) -> "HeightState":
        """A copy with these fields changed."""
        return replace(self, **changes)

    def marked(self, what: str, which: int | BlockID) -> "HeightState":
        """A copy that remembers that a "for the first time" rule has fired."""
        return replace(self, once=self.once | {(what, which)})

    @property
    def proposer(self) -> bytes:
        """The address of the current round's proposer."""
        return self.validators.proposer_at(self.round).address

    def knows_valid(self, block_id: BlockID) -> bool:
        """valid(v): whether we hold the block and it is valid."""
        known = self.blocks.get(block_id)
        return known is not None and known.valid


Transition = tuple[HeightState, tuple[Effect, ...]]
