"""A whole consortium in one thread: virtual time, one seed, every fault that we claim to survive.

Each correct validator runs the real core behind the node's own log and double-sign guard on a real file.
Until `Profile.calm_at` the network delays, reorders, loses and parts, power fails in the middle of writes,
clocks are off, and Mallory's validators and twins do their worst. Then all heals, and every height must be
decided. All that reached a validator is kept as `steps`: a run is replayed from them alone.

Messages carry no signatures that anybody checks: who may speak is tested in `ledger.consensus.admission`.
"""

import heapq
import os
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ledger.consensus.effects import CommitBlock, EvidenceFound, SafetyViolated, ScheduleTimeout
from ledger.consensus.inputs import (
    BlockKnown,
    BlockMade,
    Input,
    ProposalReceived,
    TimeoutElapsed,
    TransactionsAvailable,
    VoteReceived,
)
from ledger.consensus.timeouts import TimeoutPolicy
from ledger.node import wal_codec
from ledger.node.wal import Entry
from ledger.node.wal_codec import Logged
from ledger.types.ids import BlockID
from ledger.types.validators import ValidatorSet
from tests.ledger.simulator import blocks
from tests.ledger.simulator.blocks import GENESIS_NS, MakeSet, SimBlock
from tests.ledger.simulator.disk import Cut
from tests.ledger.simulator.gossip import lacking
from tests.ledger.simulator.invariants import MS, Invariants, Violation
from tests.ledger.simulator.mallory import Mallory
from tests.ledger.simulator.network import Network
from tests.ledger.simulator.profile import Profile
from tests.ledger.simulator.validator import Bugs, Host

POLICY = TimeoutPolicy(propose_ms=120, prevote_ms=60, precommit_ms=60, delta_ms=60)
GOSSIP_EVERY = 150
FETCH_MS = 30


@dataclass(frozen=True)
class Step:
    """Something that reached host `host` at `at` ms: inputs heard, a power cut to come, or a start."""

    at: int
    host: int
    heard: tuple[Input, ...] = ()
    cut: Cut | None = None


@cache
def scratch() -> Path:
    """Where the disks of this process lie: in memory where the machine has such a folder."""
    memory = Path("/dev/shm")
    root = tempfile.TemporaryDirectory(
        prefix="salus-simulator-", dir=memory if os.access(memory, os.W_OK) else None
    )
    _KEPT.append(root)
    return Path(root.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


class Cluster:
    """One run. `run()` plays it from the seed, `replay(steps)` from a schedule; both raise Violation."""

    def __init__(
        self, seed: int, profile: Profile, bugs: Bugs | None = None, make_set: MakeSet = ValidatorSet.of
    ) -> None:
        self.seed, self.profile, self.bugs = seed, profile, bugs or Bugs()
        self.random = random.Random(f"{seed} {profile.name}")
        self._size = (profile.validators, profile.power, make_set)
        self.chains = [blocks.genesis_chain(*self._size)]
        self.now = 0
        self.steps: list[Step] = []
        self.evidence: list[EvidenceFound] = []
        self._events: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._count = 0
        self._blocks: dict[BlockID, SimBlock] = {}
        self._entries: dict[object, tuple[object, Entry]] = {}
        self._replaying = False
        self._cast()

    def _cast(self) -> None:
        """Who is who: liars, twins, and those whose disks forget."""
        profile = self.profile
        chosen = self.random.sample(range(profile.validators), profile.faulty)
        self.liars = [Mallory(self, index) for index in chosen[: profile.byzantine]]
        liars = frozenset(chosen[: profile.byzantine])
        rest = chosen[profile.byzantine :]
        self.twins = frozenset(rest[: profile.twins])
        self._flipped = rest[profile.twins : profile.twins + profile.flips]
        self._wiped = rest[profile.twins + profile.flips :]
        self.invariants = Invariants(liars | self.twins, profile.skew)
        self.instances = profile.validators + profile.twins
        self.network = Network(profile, self.random, self.instances)
        self.hosts: list[Host] = []
        self._by_id: dict[int, Host] = {}
        for index in range(profile.validators):
            if index not in liars:
                self._join(index, index)
        for number, index in enumerate(sorted(self.twins)):
            self._join(profile.validators + number, index)

    def _join(self, id_: int, index: int) -> None:
        skew = int((2 * self.random.random() - 1) * self.profile.skew)
        folder = scratch() / f"{os.getpid()}-{id_}"
        host = Host(id_, index, self.address_of(index), self, folder, self.bugs, skew, self.profile.heights)
        self.hosts.append(host)
        self._by_id[id_] = host

    # -- playing ---------------------------------------------------------------------------------------------

    def run(self) -> "Cluster":
        """Play the seed to its end."""
        try:
            self._plan()
            while self._events and not self.finished:
                self.now, _, do, what = heapq.heappop(self._events)
                if self.now > self.profile.give_up_at:
                    break
                do(*what)
        finally:
            self._close()
        return self

    def replay(self, steps: list[Step]) -> "Cluster":
        """Play exactly these steps; nobody hears anything else."""
        self._replaying = True
        try:
            for step in steps:
                self.now = step.at
                self._take(step)
        finally:
            self._close()
        return self

    def _close(self) -> None:
        for host in self.hosts:
            if host.up:
                host.disk.close()

    @property
    def correct(self) -> list[Host]:
        """Those who must agree and finish: not the twins, and not whose disk was altered and so refuses."""
        return [host for host in self.hosts if host.index not in self.twins and not host.refused]

    @property
    def finished(self) -> bool:
        for host in self.hosts:
            if len(host.chain) < self.profile.heights and not host.refused and host.index not in self.twins:
                return False
        return True

    def _plan(self) -> None:
        """The faults to come, all from the seed."""
        profile, draw = self.profile, self.random.random
        for _ in range(profile.partitions):
            begin = int(draw() * profile.calm_at)
            self._at(begin, self.network.part, self.instances)
            self._at(begin + int(draw() * (profile.calm_at - begin)), self.network.heal)
        for _ in range(profile.cuts):
            self._plan_cut(self.random.choice(self.hosts))
        for _ in range(profile.outages):
            begin, back = self._dark()
            for host in self.hosts:
                self._plan_cut(host, (begin, back))
        for index in self._flipped:
            self._plan_cut(self._by_id[index], flip=draw())
        for index in self._wiped:
            self._plan_cut(self._by_id[index], wipe=True)
        self._at(profile.calm_at, self.network.heal)
        self._at(GOSSIP_EVERY, self._gossip)
        for liar in self.liars:
            self._at(1, self._lie, liar)

    def _dark(self) -> tuple[int, int]:
        """When the power begins to fail, and when it is back."""
        begin = int(self.random.random() * self.profile.calm_at)
        return begin, begin + 1 + int(self.random.random() * (self.profile.calm_at - begin))

    def _plan_cut(
        self,
        host: Host,
        when: tuple[int, int] | None = None,
        flip: float | None = None,
        wipe: bool = False,
    ) -> None:
        draw = self.random.random
        begin, back = when or self._dark()
        cut = Cut(int(draw() * 8), draw(), draw() < 0.3, flip, wipe)
        self._at(begin, self._cut_or_start, host, cut)
        self._at(back, self._cut_or_start, host, None)

    def _at(self, time: int, do: Callable[..., None], *what: object) -> None:
        self._count += 1
        heapq.heappush(self._events, (time, self._count, do, what))

    def _hear(self, host: Host, life: int, heard: tuple[Input, ...]) -> None:
        """What was sent to a host arrives, unless the host went down in between."""
        if host.life == life and host.up and not host.done:
            self._take(Step(self.now, host.id, heard))

    def _cut_or_start(self, host: Host, cut: Cut | None) -> None:
        self._take(Step(self.now, host.id, cut=cut))

    def _lie(self, liar: Mallory) -> None:
        liar.lie()
        self._at(self.now + 40 + int(self.random.random() * 120), self._lie, liar)

    def _take(self, step: Step) -> None:
        self.steps.append(step)
        host = self._by_id[step.host]
        if step.heard:
            host.hear(step.heard)
        elif step.cut is not None:
            host.arm(step.cut)
        else:
            host.start()

    def _gossip(self) -> None:
        """Peers tell each other what they lack, and hand decided heights to those who are behind."""
        for sender in self.hosts:
            for host in self.hosts:
                if sender is not host and sender.up and host.up and not host.done:
                    for inputs in lacking(sender, host, self):
                        self.send_to(sender.id, host, inputs)
        self._at(self.now + GOSSIP_EVERY, self._gossip)

    def send_to(self, sender: int, host: Host, inputs: tuple[Input, ...]) -> None:
        """Put `inputs` on the wire to `host`."""
        delay = self.network.delay(self.now, sender, host.id, inputs)
        if delay is not None:
            self._at(self.now + delay, self._hear, host, host.life, inputs)

    # -- what a validator needs (World) ----------------------------------------------------------------------

    def address_of(self, index: int) -> bytes:
        return self.chains[0].validators.validators[index].address

    def validators_at(self, height: int) -> ValidatorSet:
        state = self.chains[min(height, len(self.chains)) - 1]
        return state.validators if height <= len(self.chains) else state.next_validators

    def clock_ns(self, host: Host) -> int:
        return GENESIS_NS + (self.now + host.skew_ms) * MS

    def make_block(self, host: Host, height: int, round_: int) -> SimBlock:
        return self.new_block(host, height, f"{host.id}/{round_}/{host.life}", True)

    def new_block(self, host: Host, height: int, name: str, valid: bool) -> SimBlock:
        """A block of `height` as `host` would make it, with the commit that it saw."""
        if height == 1:
            block = blocks.first_block(self._size, name, valid)
        else:
            block = blocks.build(self.chains[height - 1], name, valid, host.last_commit())
        return self._blocks.setdefault(block.block_id, block)

    def learn(self, known: BlockKnown, encoded: bytes, name: str) -> None:
        """Take in a block of a kept schedule."""
        block = SimBlock(known.block_id, known.height, known.time_ns, known.valid, encoded, name)
        self._blocks.setdefault(known.block_id, block)

    def block(self, block_id: BlockID) -> SimBlock:
        return self._blocks[block_id]

    def entry_of(self, happened: Input, height: int) -> Entry:
        """The log entry of an input; many hosts log the same one, so it is encoded once."""
        key: object = happened
        if isinstance(happened, VoteReceived):
            key = id(happened.vote)
        elif isinstance(happened, ProposalReceived):
            key = id(happened.proposal)
        known = self._entries.get(key)
        if known is None:
            named = isinstance(happened, BlockMade | BlockKnown)
            encoded = self._blocks[happened.block_id].encoded if named else None
            known = (happened, wal_codec.encode(Logged(height, happened, encoded)))
            self._entries[key] = known
        return known[1]

    def say(self, host: Host, *inputs: Input) -> None:
        said = inputs[-1]
        message = said.vote if isinstance(said, VoteReceived) else said.proposal
        type_ = message.type.name if isinstance(said, VoteReceived) else "PROPOSAL"
        self.invariants.spoke(host.index, (type_, message.height, message.round), message.block_id)
        self.invariants.remember(host.id, message.height, self.entry_of(said, message.height))
        if self._replaying:
            return
        for other in self.hosts:
            if other is not host:
                self.send_to(host.id, other, inputs)

    def wait(self, host: Host, effect: ScheduleTimeout) -> None:
        self._later(
            host,
            POLICY.duration_ms(effect.step, effect.round),
            TimeoutElapsed(effect.step, effect.height, effect.round),
        )

    def fetch(self, host: Host, block_id: BlockID) -> None:
        if self._replaying:
            return
        block = self._blocks[block_id]
        self._later(host, FETCH_MS, BlockKnown(block.height, block_id, block.valid, block.time_ns))

    def began(self, host: Host) -> None:
        self._later(host, 1 + int(self.random.random() * 60), TransactionsAvailable(host.state.height))

    def _later(self, host: Host, delay: int, happened: Input) -> None:
        if not self._replaying:
            self._at(self.now + delay, self._hear, host, host.life, (happened,))

    def decided(self, host: Host, effect: CommitBlock) -> None:
        block = self._blocks[effect.block_id]
        self.invariants.decided(host.index, effect, block, self.now)
        if effect.height == len(self.chains) and effect.height < self.profile.heights:
            self.chains.append(blocks.after(self.chains[-1], block))

    def replayed(self, host: Host, entries: list[Entry]) -> None:
        if host.disk.wiped:
            self.invariants.forgive(host.id)
        self.invariants.replayed(host.id, host.state.height, entries)

    def accuse(self, found: EvidenceFound) -> None:
        self.evidence.append(found)
        self.invariants.accused(found)

    def halted(self, host: Host, effect: SafetyViolated) -> None:
        raise Violation(f"halted: validator {host.index} saw {effect.reason} at height {effect.height}")
