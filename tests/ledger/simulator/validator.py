"""One validator of the simulation: the real core, log and guard, in the order in which a node uses them.

What survives a power cut is its disk and its chain; `start` replays the log as the node's runtime does.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, TypeVar

from ledger.consensus.effects import (
    CommitBlock,
    Effect,
    EvidenceFound,
    MakeBlock,
    RequestBlock,
    SafetyViolated,
    ScheduleTimeout,
    SignProposal,
    SignVote,
)
from ledger.consensus.height import HeightState, apply, new_height, seen_commit
from ledger.consensus.inputs import BlockKnown, BlockMade, Input, ProposalReceived, StartHeight, VoteReceived
from ledger.consensus.round import RULES, Rule
from ledger.node import wal_codec
from ledger.node.errors import DoubleSignRefused, FileCorrupt
from ledger.node.signer import PRECOMMIT, PREVOTE, PROPOSE, Signer, SignRecord
from ledger.node.unanswered import Unanswered
from ledger.node.wal import Entry
from ledger.types.block import Commit
from ledger.types.ids import BlockID
from ledger.types.proposal import Proposal
from ledger.types.validators import ValidatorSet
from ledger.types.vote import Vote, VoteType
from tests.ledger.simulator.blocks import CHAIN, SimBlock
from tests.ledger.simulator.disk import Cut, Disk, PowerCut

STEPS = {VoteType.PREVOTE: PREVOTE, VoteType.PRECOMMIT: PRECOMMIT}
Spoken = TypeVar("Spoken", Vote, Proposal)


class World(Protocol):
    """What a validator needs from the simulation around it."""

    def validators_at(self, height: int) -> ValidatorSet: ...
    def clock_ns(self, host: "Host") -> int: ...
    def make_block(self, host: "Host", height: int, round_: int) -> SimBlock: ...
    def block(self, block_id: BlockID) -> SimBlock: ...
    def entry_of(self, happened: Input, height: int) -> Entry: ...
    def say(self, host: "Host", *inputs: Input) -> None: ...
    def wait(self, host: "Host", effect: ScheduleTimeout) -> None: ...
    def fetch(self, host: "Host", block_id: BlockID) -> None: ...
    def decided(self, host: "Host", effect: CommitBlock) -> None: ...
    def began(self, host: "Host") -> None: ...
    def replayed(self, host: "Host", entries: list[Entry]) -> None: ...
    def accuse(self, found: EvidenceFound) -> None: ...
    def halted(self, host: "Host", effect: SafetyViolated) -> None: ...


class Forgetful:
    """A guard that remembers nothing: the planted bug `guard off`."""

    last = SignRecord()

    def write(self, record: SignRecord) -> None:
        """Forget it."""


@dataclass(frozen=True)
class Bugs:
    """Bugs to plant in a validator: see `mutants`."""

    rules: tuple[Rule, ...] = RULES
    signs_before_log: bool = False
    says_before_log: bool = False
    guarded: bool = True


@dataclass
class Host:
    """The validator at `index`; a twin has an `id` of its own and the same index."""

    id: int
    index: int
    address: bytes
    world: World
    folder: Path
    bugs: Bugs
    skew_ms: int
    heights: int
    chain: list[HeightState] = field(default_factory=list)
    later: list[Input] = field(default_factory=list)
    up: bool = True
    refused: bool = False
    life: int = 0

    def __post_init__(self) -> None:
        self.disk = Disk(self.folder)
        self._queue: deque[tuple[Input, bool]] = deque()
        self._open()
        self._begin()

    @property
    def done(self) -> bool:
        return len(self.chain) >= self.heights

    # -- life and death --------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._signer = Signer(self.disk.guard, self._key)

    def _key(self, message: bytes) -> bytes:
        """Stands for Ed25519, which is tested elsewhere and would take half of the time."""
        return blake2b(message, key=b"key %d" % self.index, digest_size=64).digest()

    def _begin(self) -> None:
        """The next height: silent until there is something to propose, or somebody else speaks."""
        height = len(self.chain) + 1
        self.state = new_height(height, self.world.validators_at(height), self.address)
        if self.done:
            return
        self._perform(self._apply(StartHeight(height, wait=True)))
        later, self.later = self.later, []
        self._queue.extend((happened, False) for happened in later)
        self.world.began(self)

    def power_cut(self) -> None:
        """Dark at once: the disk keeps what its cut says."""
        if self.up:
            self.up, self.life, self.later = False, self.life + 1, []
            self._queue.clear()
            self.disk.power_off()

    def start(self) -> None:
        """Open the disk, replay the height in progress, then do what is unanswered. A corrupt log refuses."""
        self.power_cut()
        try:
            self.disk.power_on()
        except FileCorrupt:
            self.refused = True
            return
        self.up = True
        self._open()
        height = len(self.chain) + 1
        self.state = new_height(height, self.world.validators_at(height), self.address)
        if not self.done:
            self._guarded_by_power(self._replay)

    def _replay(self) -> None:
        height = self.state.height
        unanswered = Unanswered(self.address)
        unanswered.asked(self._apply(StartHeight(height, wait=True)))
        for entry in self.disk.wal.replay(height):
            logged = wal_codec.decode(entry)
            unanswered.answered(logged.happened)
            unanswered.asked(self._apply(logged.happened))
        self._perform(unanswered.effects())
        self._drain()
        if self.state.height == height:
            self.world.replayed(self, list(self.disk.wal.replay(height)))
        self.world.began(self)

    def arm(self, cut: Cut) -> None:
        if self.up:
            self.disk.arm(cut)

    # -- inputs and effects ----------------------------------------------------------------------------------

    def hear(self, inputs: tuple[Input, ...]) -> None:
        """Take inputs in, and what follows from them, until nothing is left or the power fails."""
        if self.up and not self.done:
            self._queue.extend((happened, False) for happened in inputs)
            self._guarded_by_power(self._drain)

    def _guarded_by_power(self, work: Callable[[], None]) -> None:
        try:
            work()
        except PowerCut:
            self.power_cut()

    def _drain(self) -> None:
        while self._queue and not self.done:
            self._take(*self._queue.popleft())

    def _take(self, happened: Input, ours: bool) -> None:
        height = self.state.height
        if height_of(happened) != height:
            if height_of(happened) > height:
                self.later.append(happened)
            return
        if ours:
            if self.bugs.signs_before_log:
                self.disk.wal.sync()
            self._say(happened)
        else:
            self._log(happened)
        self._perform(self._apply(happened))

    def _log(self, happened: Input) -> None:
        entry = self.world.entry_of(happened, self.state.height)
        self.disk.wal.append(entry.height, entry.kind, entry.data)

    def _apply(self, happened: Input) -> tuple[Effect, ...]:
        self.state, effects = apply(self.state, happened, self.bugs.rules)
        return effects

    def _say(self, happened: Input) -> None:
        if isinstance(happened, ProposalReceived):
            self.world.say(self, self._known(happened.proposal.block_id), happened)
        else:
            self.world.say(self, happened)

    def _perform(self, effects: tuple[Effect, ...]) -> None:
        own: list[tuple[Input, bool]] = []
        decided = None
        for effect in effects:
            if isinstance(effect, CommitBlock):
                decided = effect
            else:
                own.extend(self._do(effect))
        self._queue.extendleft(reversed(own))
        if decided is not None:
            self._commit(decided)

    def _do(self, effect: Effect) -> Iterator[tuple[Input, bool]]:
        match effect:
            case MakeBlock(height, round_):
                block = self.world.make_block(self, height, round_)
                yield BlockMade(height, round_, block.block_id, block.time_ns), False
            case SignVote(vote):
                if (signed := self._sign(vote, STEPS[vote.type])) is not None:
                    self._log(VoteReceived(signed))
                    yield VoteReceived(signed), True
            case SignProposal(proposal):
                if (signed := self._sign(proposal, PROPOSE)) is not None:
                    yield self._known(signed.block_id), False
                    self._log(ProposalReceived(signed))
                    yield ProposalReceived(signed), True
            case ScheduleTimeout():
                self.world.wait(self, effect)
            case RequestBlock():
                self.world.fetch(self, effect.block_id)
            case EvidenceFound():
                self.world.accuse(effect)
            case SafetyViolated():
                self.world.halted(self, effect)

    def _sign(self, message: Spoken, step: int) -> Spoken | None:
        """As the node's voice: the clock's time, but not before the core's; None when the guard refuses.

        What led to it is synced first: the guard must never remember a vote whose reasons the log forgot.
        """
        if not (self.bugs.signs_before_log or self.bugs.says_before_log):
            self.disk.wal.sync()
        now, place = self.world.clock_ns(self), (message.height, message.round, step)
        time_ns = max(now, message.time_ns) if isinstance(message, Vote) else now
        signer = self._signer if self.bugs.guarded else Signer(Forgetful(), self._key)
        try:
            signed = signer.sign(place, time_ns, lambda at: replace(message, time_ns=at).sign_bytes(CHAIN))
        except DoubleSignRefused:
            return None
        return replace(message, time_ns=signed.timestamp_ns, signature=signed.signature)

    def _known(self, block_id: BlockID) -> BlockKnown:
        block = self.world.block(block_id)
        return BlockKnown(block.height, block_id, block.valid, block.time_ns)

    def _commit(self, decided: CommitBlock) -> None:
        """Store the block, then mark the height in the log, as the node does."""
        self.world.decided(self, decided)
        self.disk.spend()
        self.chain.append(self.state)
        self.disk.wal.end_height(decided.height)
        self._queue.clear()
        self._begin()

    def last_commit(self) -> Commit:
        """The commit that our next block carries."""
        return seen_commit(self.chain[-1]) if self.chain else Commit()


def height_of(happened: Input) -> int:
    """The height that an input belongs to."""
    if isinstance(happened, VoteReceived):
        return happened.vote.height
    if isinstance(happened, ProposalReceived):
        return happened.proposal.height
    return happened.height
