"""A whole consortium in one thread: virtual time, one seed, every fault that we claim to survive.

Each correct host runs the real `height.apply` behind a WAL and a double-sign guard, as a node does. Until
`Profile.calm_at` the network delays, reorders, loses and partitions, hosts crash and restart from their WAL,
and Mallory's validators say different things to different peers. Then the network calms and the heights
must be decided. Messages carry no signatures here: who may speak is tested elsewhere.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

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
from ledger.consensus.height import HeightState, apply, new_height
from ledger.consensus.inputs import (
    BlockKnown,
    BlockMade,
    Input,
    ProposalReceived,
    StartHeight,
    TimeoutElapsed,
    TransactionsAvailable,
    VoteReceived,
)
from ledger.consensus.round import RULES, Rule
from ledger.consensus.timeouts import TimeoutPolicy
from ledger.types.ids import NIL, BlockID, PartSetHeader
from ledger.types.proposal import Proposal
from ledger.types.validators import Validator, ValidatorSet
from ledger.types.vote import Vote, VoteType

MS = 1_000_000
POLICY = TimeoutPolicy(propose_ms=120, prevote_ms=60, precommit_ms=60, delta_ms=60)
GOSSIP_EVERY = 150


@dataclass(frozen=True)
class Profile:
    """How bad the days before `calm_at` (virtual ms) are."""

    validators: int = 4
    heights: int = 2
    calm_at: int = 600
    give_up_at: int = 20_000
    delay: int = 60
    loss: float = 0.1
    partitions: int = 1
    crashes: int = 1
    byzantine: int = 1
    durable_guard: bool = True


@dataclass(frozen=True)
class Fork(AssertionError):
    """Two correct hosts decided differently, or something that nobody may decide."""

    seed: int
    what: str


@dataclass
class Host:
    """A correct validator: what survives a crash (wal up to `synced`, guard, chain) and what does not."""

    index: int
    address: bytes
    state: HeightState
    wal: list[Input] = field(default_factory=list)
    synced: int = 0
    guard: dict[tuple[int, int, int], Vote | Proposal] = field(default_factory=dict)
    chain: list[HeightState] = field(default_factory=list)
    later: list[Input] = field(default_factory=list)
    up: bool = True
    life: int = 0


class Cluster:
    """One run. `run()` plays it to the end and raises Fork when an invariant breaks."""

    def __init__(
        self,
        seed: int,
        profile: Profile,
        rules: tuple[Rule, ...] = RULES,
        make_set: Callable[[list[Validator]], ValidatorSet] = ValidatorSet.of,
    ) -> None:
        self.seed, self.profile, self.rules = seed, profile, rules
        self.random = random.Random(seed)
        keys = [sha256(b"key %d" % i).digest() for i in range(profile.validators)]
        self.validators = make_set([Validator.of(key, 10) for key in keys])
        self.now = 0
        self.events: list[tuple[int, int, Callable[[], None]]] = []
        self.count = 0
        self.blocks: dict[BlockID, tuple[int, bool]] = {}
        self.evidence: list[EvidenceFound] = []
        self.cut: frozenset[int] = frozenset()
        self.byzantine = frozenset(self.random.sample(range(profile.validators), profile.byzantine))
        self.hosts = {
            i: Host(i, v.address, new_height(1, self.validators, v.address))
            for i, v in enumerate(self.validators.validators)
            if i not in self.byzantine
        }
        self._plan()

    # -- the plan of faults, all from the seed ---------------------------------------------------------------

    def _plan(self) -> None:
        for host in self.hosts.values():
            self._begin(host)
        for _ in range(self.profile.partitions):
            begin = self.random.randrange(self.profile.calm_at)
            side = frozenset(i for i in range(self.profile.validators) if self.random.random() < 0.5)
            self.at(begin, lambda side=side: setattr(self, "cut", side))
            end = self.random.randrange(begin, self.profile.calm_at)
            self.at(end, lambda: setattr(self, "cut", frozenset()))
        for _ in range(self.profile.crashes):
            host = self.random.choice(list(self.hosts.values()))
            begin = self.random.randrange(self.profile.calm_at)
            self.at(begin, lambda host=host: self._crash(host))
            self.at(
                self.random.randrange(begin, self.profile.calm_at) + 1, lambda host=host: self._restart(host)
            )
        self.at(self.profile.calm_at, lambda: setattr(self, "cut", frozenset()))
        self.at(GOSSIP_EVERY, self._gossip)
        for index in self.byzantine:
            self.at(1, lambda index=index: self._lie(index))

    def at(self, time: int, do: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.events, (time, self.count, do))

    def run(self) -> "Cluster":
        while self.events and not self.finished:
            self.now, _, do = heapq.heappop(self.events)
            if self.now > self.profile.give_up_at:
                break
            do()
        return self

    @property
    def finished(self) -> bool:
        return all(len(host.chain) >= self.profile.heights for host in self.hosts.values())

    @property
    def calm(self) -> bool:
        return self.now >= self.profile.calm_at

    # -- a host and its core ---------------------------------------------------------------------------------

    def _begin(self, host: Host) -> None:
        height = len(host.chain) + 1
        host.state = new_height(height, self.validators, host.address)
        host.wal, host.synced = [], 0
        later, host.later = host.later, []
        wait = self.random.random() < 0.3
        self.feed(host, StartHeight(height, wait), *later)
        if wait:
            self.after(host, self.random.randrange(300), TransactionsAvailable(height))

    def feed(self, host: Host, *inputs: Input) -> None:
        """Apply inputs, and what follows from them, in order; each goes to the WAL first."""
        queue = deque(inputs)
        while queue and host.up:
            happened = queue.popleft()
            if _height_of(happened) > host.state.height:
                host.later.append(happened)
                continue
            host.wal.append(happened)
            if isinstance(happened, ProposalReceived | VoteReceived):
                self._check_own_is_synced(host, happened)
            host.state, effects = apply(host.state, happened, self.rules)
            if self._do(host, effects, queue):
                return

    def _do(self, host: Host, effects: tuple[Effect, ...], queue: deque[Input]) -> bool:
        for effect in effects:
            match effect:
                case MakeBlock(height, round_):
                    block = self.make_block(height, f"{host.index}/{round_}/{self.count}", True)
                    queue.append(BlockMade(height, round_, block, self.blocks[block][0]))
                case SignProposal(proposal):
                    self._sign_proposal(host, proposal, queue)
                case SignVote(vote):
                    self._sign_vote(host, vote, queue)
                case ScheduleTimeout(step, height, round_):
                    self.after(host, POLICY.duration_ms(step, round_), TimeoutElapsed(step, height, round_))
                case RequestBlock():
                    self._fetch(host, effect.block_id)
                case EvidenceFound():
                    self.evidence.append(effect)
                case SafetyViolated():
                    raise Fork(self.seed, effect.reason)
                case CommitBlock():
                    self._decide(host, effect)
                    return True
        return False

    def _sign_proposal(self, host: Host, proposal: Proposal, queue: deque[Input]) -> None:
        signed = self._guarded(host, VoteType.PROPOSAL, replace(proposal, time_ns=self.now * MS))
        if isinstance(signed, Proposal):
            queue.append(ProposalReceived(signed))
            self.send(host.index, self._known(signed.block_id, signed.height), ProposalReceived(signed))

    def _sign_vote(self, host: Host, vote: Vote, queue: deque[Input]) -> None:
        signed = self._guarded(host, vote.type, replace(vote, time_ns=max(self.now * MS, vote.time_ns)))
        if isinstance(signed, Vote):
            queue.append(VoteReceived(signed))
            self.send(host.index, VoteReceived(signed))

    def _guarded(self, host: Host, type_: VoteType, message: Vote | Proposal) -> Vote | Proposal | None:
        """The double-sign guard: the same answer for the same question, no answer for a contradiction."""
        key = (message.height, message.round, type_)
        known = host.guard.setdefault(key, message)
        host.synced = len(host.wal)
        return known if known.block_id == message.block_id else None

    def _check_own_is_synced(self, host: Host, happened: ProposalReceived | VoteReceived) -> None:
        if isinstance(happened, VoteReceived) and happened.vote.validator_address == host.address:
            host.synced = len(host.wal)

    def _decide(self, host: Host, decided: CommitBlock) -> None:
        _, valid = self.blocks[decided.block_id]
        if not valid:
            raise Fork(self.seed, f"host {host.index} decided an invalid block at height {decided.height}")
        for other in self.hosts.values():
            if len(other.chain) >= decided.height:
                theirs = other.chain[decided.height - 1].decision
                if theirs is None or theirs[1] != decided.block_id:
                    raise Fork(
                        self.seed, f"hosts {other.index}, {host.index} differ at height {decided.height}"
                    )
        host.chain.append(host.state)
        if len(host.chain) < self.profile.heights:
            self._begin(host)

    def _crash(self, host: Host) -> None:
        host.up, host.life, host.later = False, host.life + 1, []
        if not self.profile.durable_guard:
            host.guard, host.synced = {}, min(1, len(host.wal))
        del host.wal[self.random.randint(min(host.synced, len(host.wal)), len(host.wal)) :]

    def _restart(self, host: Host) -> None:
        if host.up:
            return
        host.up = True
        if len(host.chain) >= self.profile.heights:
            return
        replayed, host.wal, host.synced = host.wal, [], 0
        host.state = new_height(len(host.chain) + 1, self.validators, host.address)
        self.feed(host, *(replayed or [StartHeight(host.state.height)]))
        self.after(host, 50, TransactionsAvailable(host.state.height))

    # -- the network -----------------------------------------------------------------------------------------

    def after(self, host: Host, delay: int, *inputs: Input) -> None:
        life = host.life

        def deliver() -> None:
            if host.life == life and host.up and len(host.chain) < self.profile.heights:
                self.feed(host, *inputs)

        self.at(self.now + delay, deliver)

    def send(self, sender: int, *inputs: Input) -> None:
        for index in range(self.profile.validators):
            if index != sender:
                self.send_to(sender, index, *inputs)

    def send_to(self, sender: int, index: int, *inputs: Input) -> None:
        apart = (sender in self.cut) != (index in self.cut)
        lost = not self.calm and (apart or self.random.random() < self.profile.loss)
        if lost or index not in self.hosts:
            return
        longest = 20 if self.calm else self.profile.delay
        self.after(self.hosts[index], self.random.randrange(1, longest + 1), *inputs)

    def _fetch(self, host: Host, block_id: BlockID) -> None:
        self.after(host, 30, self._known(block_id, host.state.height))

    def _gossip(self) -> None:
        """Peers tell each other what they lack, and hand decided heights to those who are behind."""
        for sender in self.hosts.values():
            for host in self.hosts.values():
                if sender is not host and sender.up and host.up:
                    self.send_to(sender.index, host.index, *self._lacking(sender, host))
        self.at(self.now + GOSSIP_EVERY, self._gossip)

    def _lacking(self, sender: Host, host: Host) -> Iterator[Input]:
        height = host.state.height
        if len(host.chain) >= self.profile.heights or len(sender.chain) + 1 < height:
            return
        known = sender.chain[height - 1] if len(sender.chain) >= height else sender.state
        for round_, proposal in known.proposals.items():
            if round_ not in host.state.proposals:
                yield self._known(proposal.block_id, height)
                yield ProposalReceived(proposal)
        for key, votes in known.votes.sets.items():
            theirs = host.state.votes.sets.get(key)
            for index, mine in votes.votes.items():
                for vote in mine:
                    if theirs is None or all(
                        vote.block_id != v.block_id for v in theirs.votes.get(index, ())
                    ):
                        yield VoteReceived(vote)

    # -- blocks and lies -------------------------------------------------------------------------------------

    def make_block(self, height: int, name: str, valid: bool) -> BlockID:
        digest = sha256(f"{height} {name} {valid}".encode()).digest()
        block_id = BlockID(digest, PartSetHeader(1, digest))
        self.blocks[block_id] = (self.now * MS, valid)
        return block_id

    def _known(self, block_id: BlockID, height: int) -> BlockKnown:
        time_ns, valid = self.blocks[block_id]
        return BlockKnown(height, block_id, valid, time_ns)

    def _lie(self, index: int) -> None:
        """Mallory: for a height and round that somebody is in, say something different to everybody."""
        host = self.random.choice(list(self.hosts.values()))
        height, round_ = host.state.height, host.state.round + self.random.choice((0, 0, 0, 0, 1))
        proposals = [
            p.block_id for h in self.hosts.values() for p in h.state.proposals.values() if p.height == height
        ]
        fresh = [self.make_block(height, f"mallory {self.count} {i}", i > 0) for i in range(3)]
        for peer in self.hosts:
            if self.validators.proposer_at(round_).address == self._address(index):
                block = self.random.choice(fresh + proposals)
                pol = self.random.randrange(-1, round_)
                self.send_to(
                    index,
                    peer,
                    self._known(block, height),
                    ProposalReceived(Proposal(height, round_, pol, block)),
                )
            for type_ in (VoteType.PREVOTE, VoteType.PRECOMMIT):
                block = self.random.choice([*proposals, NIL])
                vote = Vote(type_, height, round_, block, self.now * MS, self._address(index), index)
                self.send_to(index, peer, VoteReceived(vote))
        if not self.finished:
            self.at(self.now + self.random.randrange(20, 120), lambda: self._lie(index))

    def _address(self, index: int) -> bytes:
        return self.validators.validators[index].address


def _height_of(happened: Any) -> int:
    if isinstance(happened, ProposalReceived):
        return happened.proposal.height
    if isinstance(happened, VoteReceived):
        return happened.vote.height
    return int(happened.height)
