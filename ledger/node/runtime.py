"""The host of the pure consensus core: inputs in, effects out, disk and clock around it.

Rules
- Every input is in the write-ahead log before the core sees it.
- What led to a vote or proposal of ours is synced before the guard signs it. So after a crash the replay asks
  for exactly what the guard remembers, and gets the same signature. Were the guard ahead of the log, it would
  refuse what we then ask, and a power cut that hits a third of us so would end the height for ever.
- The host never decides: it verifies signatures, judges blocks, keeps time and does what the effects say.
- A crash at any point is undone by replaying the log of the height in progress; what the core had asked for
  and the log does not answer is done then.
- Silence: without transactions a height waits, but for the one block that carries a changed app hash, and for
  what keeps light clients' trust alive: blocks once the last header is older than a third of their period.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.consensus import height as core
from ledger.consensus.admission import verify_proposal, verify_vote
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
    StepEntered,
)
from ledger.consensus.inputs import (
    BlockKnown,
    BlockMade,
    Input,
    ProposalReceived,
    StartHeight,
    Step,
    TimeoutElapsed,
    TransactionsAvailable,
    VoteReceived,
)
from ledger.consensus.timeouts import TimeoutPolicy
from ledger.node import metrics, wal_codec
from ledger.node.block_store import StoredBlock
from ledger.node.chain import validate_block, verify_commit
from ledger.node.errors import BlockInvalid, PeerMisbehaved
from ledger.node.evidence_pool import EvidencePool
from ledger.node.executor import MAX_TX_BYTES_PER_BLOCK, Executor
from ledger.node.log import log
from ledger.node.material import HeldBlock, Material
from ledger.node.mempool import Mempool
from ledger.node.messages import BlockWanted, EvidenceHeld, Message, ProposedBlock, Votes
from ledger.node.pace import Pace
from ledger.node.signer import Signer
from ledger.node.unanswered import Unanswered
from ledger.node.voice import Voice
from ledger.node.wal import Wal
from ledger.node.wal_codec import Logged
from ledger.types.block import Block, Commit, block_id_of
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.ids import BlockID, sha256
from ledger.types.params import TRUSTING_PERIOD_S
from ledger.types.proposal import Proposal
from ledger.types.vote import Vote, VoteType

MAX_ROUNDS_AHEAD = 100
MAX_EARLY = 1_000
MAX_EARLY_BYTES = 32 * 1024 * 1024
ABSENT_PROPOSER_MS = 30
HOPELESS_ROUND_MS = 10
BEHIND_S = 0.03
"""How long others may be a height ahead of us before we ask them for it."""
PROOF_DELAY_S = 0.004
"""How long a due proof block waits: late precommits get into it, and so may the next transaction."""

IDLE_LOOK_S = 60.0
"""How often an idle host looks whether the last header has become too old."""


class Surroundings(Protocol):
    """What the host needs from the node around it."""

    def broadcast(self, message: Message) -> None:
        """Send to every connected validator."""

    def reaches(self, address: bytes) -> bool:
        """Whether the validator with this address is connected (or is us)."""

    def ask(self) -> None:
        """Tell every connected validator where we stand, and ask for what we miss."""

    def disk_failed(self, error: OSError) -> None:
        """What we must remember could not be written: end the process before it can promise anything more."""

    def committed(self, stored: StoredBlock, tx_hashes: Sequence[bytes]) -> None:
        """A block was stored and executed; its transactions' hashes, in order."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An input to log and apply. `announce` is our own message: logged when it was signed, it leaves now."""

    logged: Logged
    announce: Message | None = None


class ConsensusHost:
    """Runs one height after the other."""

    def __init__(
        self,
        executor: Executor,
        mempool: Mempool,
        evidence: EvidencePool,
        wal: Wal,
        signer: Signer,
        address: bytes,
        policy: TimeoutPolicy,
        max_block_txs: int,
        around: Surroundings,
        clock_ns: Callable[[], int] = time.time_ns,
        trusting_period_s: float = TRUSTING_PERIOD_S,
    ) -> None:
        self._clock_ns = clock_ns
        self._trusting_period_s = trusting_period_s
        self._executor = executor
        self._mempool = mempool
        self._evidence = evidence
        self._wal = wal
        self._voice = Voice(signer, executor.state.chain_id, clock_ns)
        self._address = address
        self._policy = policy
        self._max_block_txs = max_block_txs
        self._around = around
        self._inbox: deque[_Item] = deque()
        self._draining = False
        self._timers: list[asyncio.TimerHandle] = []
        self._pace = Pace()
        self._paced = False
        self._early: list[Callable[[], None]] = []
        self._early_bytes = 0
        self._decided: CommitBlock | None = None
        self._previous: core.HeightState | None = None
        self.halted = False
        self.steps = 0
        """Grows with every step entered: whoever watches for a stall compares it."""
        self._core, self._material = self._fresh_height()

    @property
    def height(self) -> int:
        """The height in progress."""
        return self._core.height

    @property
    def round(self) -> int:
        return self._core.round

    @property
    def step(self) -> Step:
        return self._core.step

    @property
    def pause_s(self) -> float:
        """The least time between the beginnings of two blocks, as of now."""
        return self._pace.interval_s

    @property
    def seen_commit(self) -> Commit:
        """The commit of the last block with every precommit that reached us, also late ones."""
        if self._previous is not None:
            return core.seen_commit(self._previous)
        tip = self._executor.store.tip
        return self._executor.adopted_commit if tip is None else Commit.decode(tip.commit)

    # --- starting -----------------------------------------------------------------------------

    def start(self) -> None:
        """Replay the height in progress from the log, do what is still unanswered, and go on."""
        unanswered = Unanswered(self._address)
        unanswered.asked(self._apply(StartHeight(self.height, wait=True)))
        count = 0
        for entry in self._wal.replay(self.height):
            logged = wal_codec.decode(entry)
            self._hold_logged(logged)
            unanswered.answered(logged.happened)
            unanswered.asked(self._apply(logged.happened))
            count += 1
        log("replayed", height=self.height, inputs=count)
        self._perform_all(unanswered.effects())
        self.wake()

    def adopted(self) -> None:
        """The executor took a later state over from peers: go on from there."""
        self._cancel_timers()
        self._inbox.clear()
        self._early.clear()
        self._early_bytes = 0
        self._previous = self._decided = None
        self._paced = False
        self._core, self._material = self._fresh_height()
        self._begin()

    def stop(self) -> None:
        """Forget the timers; nothing is fed any more."""
        self._cancel_timers()

    # --- what comes from outside --------------------------------------------------------------

    def wake(self) -> None:
        """There may be something to propose: a transaction came, or a height began."""
        if self._core.step is not Step.WAITING:
            return
        if len(self._mempool) or len(self._evidence):
            self._propose_in_time()
        elif self._executor.state.proof_due:
            self._later(PROOF_DELAY_S, TransactionsAvailable(self.height))
        else:
            delay_s = min(IDLE_LOOK_S, self._trusting_period_s / 3)
            self._timers.append(asyncio.get_running_loop().call_later(delay_s, self._look))

    def _propose_in_time(self) -> None:
        """At once when the block would be full or the last one is long ago, else when its time has come."""
        wait_s = self._pace.wait_s(time.monotonic())
        if wait_s <= 0 or len(self._mempool) >= self._max_block_txs:
            self._feed(TransactionsAvailable(self.height))
        elif not self._paced:
            self._paced = True
            self._later(wait_s, TransactionsAvailable(self.height))

    def receive_proposal(self, proposal: Proposal, encoded: bytes) -> None:
        """A peer's proposal with its block. Raises ValueError (NotAdmitted, ProtoError) or PeerMisbehaved."""
        if proposal.height == self.height + 1:
            self._keep_early(lambda: self.receive_proposal(proposal, encoded), len(encoded))
        if proposal.height != self.height or not self._near(proposal.round):
            return
        first = self._material.proposals.get(proposal.round)
        if first is not None and (first == proposal or proposal.block_id.hash not in self._wanted):
            return  # a proposer that makes many for one round is heard once
        verify_proposal(proposal, self._core.validators, self._executor.state.chain_id)
        block = Block.decode(encoded)
        block_id = block_id_of(block, encoded)
        if block_id != proposal.block_id:
            raise PeerMisbehaved("the block that the proposal names", "another one")
        block.check_hashes()
        self._material.proposals.setdefault(proposal.round, proposal)
        self._feed(ProposalReceived(proposal))
        self._learn(block, encoded, block_id)

    def receive_vote(self, vote: Vote) -> None:
        """A peer's vote. Raises NotAdmitted."""
        if vote.height == self.height - 1:
            self._late_precommit(vote)
        elif vote.height == self.height + 1:
            self._keep_early(lambda: self.receive_vote(vote))
        elif vote.height == self.height and self._near(vote.round) and not self._material.knows(vote):
            verify_vote(vote, self._core.validators, self._executor.state.chain_id)
            self._material.add_vote(vote)
            self._feed(VoteReceived(vote))

    def receive_block(self, encoded: bytes) -> None:
        """A block that we asked for; another is not judged, nor kept. Raises ProtoError."""
        if not self._wanted:
            return
        block = Block.decode(encoded)
        if block.header.height == self.height and block.header.hash in self._wanted:
            block.check_hashes()
            self._learn(block, encoded, block_id_of(block, encoded))

    def receive_committed(self, encoded: bytes, commit: Commit) -> None:
        """The next committed block, from a peer that is ahead. Raises BlockInvalid or ProtoError."""
        if commit.height != self.height:
            return
        block = Block.decode(encoded)
        block.check_hashes()
        state = self._executor.state
        block_id = block_id_of(block, encoded)
        verify_commit(state.chain_id, state.validators, block_id, self.height, commit)
        validate_block(state, block)
        try:
            self._commit(block, encoded, commit, previous=None)
        except OSError as error:
            self._around.disk_failed(error)

    def material_for(self, round_: int) -> list[Message]:
        """What a peer in that round of the height in progress may have missed."""
        return list(self._material.for_peer(round_))

    def held_block(self, block_hash: bytes) -> bytes | None:
        """The encoding of a block of the height in progress."""
        held = self._material.block_by_hash(block_hash)
        return None if held is None else held.encoded

    # --- the loop -----------------------------------------------------------------------------

    def _feed(self, happened: Input, block: bytes | None = None) -> None:
        self._enqueue(_Item(Logged(self.height, happened, block)))

    def _enqueue(self, item: _Item) -> None:
        self._inbox.append(item)
        self._drain()

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        try:
            while self._inbox:
                self._take(self._inbox.popleft())
        except OSError as error:
            self._around.disk_failed(error)
        finally:
            self._draining = False

    def _take(self, item: _Item) -> None:
        if item.logged.height != self.height or self.halted:
            return
        if item.announce is None:
            self._log(item.logged)
        else:
            self._around.broadcast(item.announce)
        self._perform_all(self._apply(item.logged.happened))

    def _log(self, logged: Logged) -> None:
        entry = wal_codec.encode(logged)
        self._wal.append(entry.height, entry.kind, entry.data)

    def _apply(self, happened: Input) -> tuple[Effect, ...]:
        self._core, effects = core.apply(self._core, happened)
        return effects

    def _perform_all(self, effects: tuple[Effect, ...]) -> None:
        own: list[_Item] = []
        for effect in effects:
            own.extend(self._perform(effect))
        self._inbox.extendleft(reversed(own))
        if self._decided is not None:
            self._commit_decided(self._decided)
        self._drain()

    def _perform(self, effect: Effect) -> list[_Item]:
        """Do one effect; returns what we have to say ourselves, to be taken before anything else."""
        if isinstance(effect, SignVote):
            return self._sign_vote(effect.vote)
        if isinstance(effect, SignProposal):
            return self._sign_proposal(effect.proposal)
        if isinstance(effect, MakeBlock):
            return [self._make_block(effect)]
        if isinstance(effect, ScheduleTimeout):
            self._schedule(effect)
        elif isinstance(effect, CommitBlock):
            self._decided = effect
        elif isinstance(effect, RequestBlock):
            self._wanted.add(effect.block_id.hash)
            self._around.broadcast(BlockWanted(effect.height, effect.block_id.hash))
        elif isinstance(effect, StepEntered):
            self.steps += 1
            if effect.round == 0 and effect.step is Step.PROPOSE:
                self._pace.began(time.monotonic())
            if effect.round and effect.step is Step.PROPOSE:
                log("new_round", height=effect.height, round=effect.round)
        elif isinstance(effect, EvidenceFound):
            self._tell_evidence(self._evidence.found(effect.first, effect.second))
        elif isinstance(effect, SafetyViolated):
            self.halted = True
            log("halted", height=effect.height, round=effect.round, why=effect.reason)
        return []

    # --- our own voice ------------------------------------------------------------------------

    def _sign_vote(self, vote: Vote) -> list[_Item]:
        self._wal.sync()
        ours = self._voice.vote(vote)
        if ours is None:
            return []
        self._material.add_vote(ours)
        return [self._ours(VoteReceived(ours), Votes((ours.encode(),)))]

    def _ours(self, happened: Input, announce: Message) -> _Item:
        """Logged at once: what we sign next must not be remembered without it."""
        logged = Logged(self.height, happened)
        self._log(logged)
        return _Item(logged, announce)

    def _sign_proposal(self, proposal: Proposal) -> list[_Item]:
        self._wal.sync()
        ours = self._voice.proposal(proposal)
        if ours is None:
            return []
        self._material.proposals[ours.round] = ours
        held = self._material.blocks[ours.block_id]
        return [self._ours(ProposalReceived(ours), ProposedBlock(ours.encode(), held.encoded))]

    def _make_block(self, effect: MakeBlock) -> _Item:
        candidates = self._mempool.oldest(MAX_TX_BYTES_PER_BLOCK, self._max_block_txs)
        block = self._executor.make_block(
            candidates, self.seen_commit, self._address, self._evidence.pending()
        )
        if candidates and not block.txs:
            self._mempool.remove(sha256(wire) for wire in candidates)
        encoded = block.encode()
        block_id = block_id_of(block, encoded)
        self._material.blocks[block_id] = HeldBlock(block, encoded, valid=True)
        made = BlockMade(effect.height, effect.round, block_id, block.header.time_ns)
        return _Item(Logged(self.height, made, encoded))

    # --- blocks -------------------------------------------------------------------------------

    def _learn(self, block: Block, encoded: bytes, block_id: BlockID) -> None:
        """Judge a whole block once and tell the core."""
        if block.header.height != self.height or block_id in self._material.blocks:
            return
        fault = self._executor.judge(block, len(encoded))
        if fault is not None:
            log("block_refused", height=self.height, why=str(fault))
        self._material.blocks[block_id] = HeldBlock(block, encoded, valid=fault is None)
        self._feed(BlockKnown(self.height, block_id, fault is None, block.header.time_ns), encoded)

    def _commit_decided(self, effect: CommitBlock) -> None:
        self._decided = None
        held = self._material.blocks[effect.block_id]
        self._commit(held.block, held.encoded, effect.commit, previous=self._core)

    def _commit(
        self, block: Block, encoded: bytes, commit: Commit, previous: core.HeightState | None
    ) -> None:
        with metrics.COMMIT_SECONDS.time():
            stored = self._executor.commit(block, encoded, commit)
        self._wal.end_height(stored.height)
        self._mempool.remove(block.tx_hashes)
        self._pace.committed(time.monotonic(), commit.round + 1)
        self._previous = previous
        self._cancel_timers()
        self._paced = False
        self._core, self._material = self._fresh_height()
        self._around.committed(stored, block.tx_hashes)
        self._begin()
        self._tell_evidence(*self._evidence.settle())

    def _fresh_height(self) -> tuple[core.HeightState, Material]:
        self._wanted: set[bytes] = set()
        height, validators = self._executor.state.height + 1, self._executor.state.validators
        return core.new_height(height, validators, self._address), Material(height)

    def _begin(self) -> None:
        """Start the height: what came early first, then whatever is to be proposed."""
        self._perform_all(self._apply(StartHeight(self.height, wait=True)))
        early, self._early, self._early_bytes = self._early, [], 0
        for kept in early:
            try:
                kept()
            except (ValueError, PeerMisbehaved, BlockInvalid) as error:
                log("early_message_refused", why=str(error))
        self.wake()

    # --- small things -------------------------------------------------------------------------

    def _look(self) -> None:
        """Nothing happened for a while: go on sleeping, unless light clients need a newer header."""
        stale = self._executor.state.is_stale(self._clock_ns(), self._trusting_period_s)
        if stale and self._core.step is Step.WAITING:
            self._feed(TransactionsAvailable(self.height))
        else:
            self.wake()

    def _near(self, round_: int) -> bool:
        """A far round would make us compute proposers without end."""
        return round_ <= self.round + MAX_ROUNDS_AHEAD

    def _keep_early(self, again: Callable[[], None], size: int = 0) -> None:
        """A message of the next height: its time comes when we have stored this one.

        It also tells that somebody has stored this one already: if we still have not in a moment, we ask.
        """
        if not self._early:
            height = self.height
            asyncio.get_running_loop().call_later(
                BEHIND_S, lambda: self._around.ask() if self.height == height else None
            )
        if len(self._early) < MAX_EARLY and self._early_bytes + size <= MAX_EARLY_BYTES:
            self._early.append(again)
            self._early_bytes += size

    def _late_precommit(self, vote: Vote) -> None:
        """A precommit for the block that is decided already: it makes the next block's last commit fuller."""
        last = self._executor.state.last_validators
        if self._previous is None or last is None or vote.type is not VoteType.PRECOMMIT:
            return
        verify_vote(vote, last, self._executor.state.chain_id)
        self._previous, effects = core.apply(self._previous, VoteReceived(vote))
        for effect in effects:
            if isinstance(effect, EvidenceFound):
                self._tell_evidence(self._evidence.found(effect.first, effect.second))

    def _tell_evidence(self, *made: DuplicateVoteEvidence | None) -> None:
        """Give evidence that came to be just now to everybody; whoever proposes puts it into a block."""
        if pieces := tuple(evidence.encode() for evidence in made if evidence is not None):
            self._around.broadcast(EvidenceHeld(pieces))
            self.wake()

    def _hold_logged(self, logged: Logged) -> None:
        """Put what the log tells into the material that peers may ask for."""
        happened = logged.happened
        if isinstance(happened, VoteReceived):
            self._material.add_vote(happened.vote)
        elif isinstance(happened, ProposalReceived):
            self._material.proposals.setdefault(happened.proposal.round, happened.proposal)
        elif isinstance(happened, BlockMade | BlockKnown) and logged.block is not None:
            valid = happened.valid if isinstance(happened, BlockKnown) else True
            held = HeldBlock(Block.decode(logged.block), logged.block, valid)
            self._material.blocks.setdefault(happened.block_id, held)

    def _schedule(self, effect: ScheduleTimeout) -> None:
        delay_ms = self._policy.duration_ms(effect.step, effect.round)
        if effect.step is Step.PROPOSE:
            proposer = self._core.validators.proposer_at(effect.round).address
            if not self._around.reaches(proposer):
                delay_ms = min(delay_ms, ABSENT_PROPOSER_MS * (effect.round + 1))
        elif effect.step is Step.PRECOMMIT and self._material.gave_up(effect.round, self._core.validators):
            delay_ms = min(delay_ms, HOPELESS_ROUND_MS * (effect.round + 1))
        self._later(delay_ms / 1000, TimeoutElapsed(effect.step, effect.height, effect.round))

    def _later(self, delay_s: float, happened: TransactionsAvailable | TimeoutElapsed) -> None:
        height = self.height

        def elapsed() -> None:
            if self.height == height:
                self._feed(happened)

        self._timers.append(asyncio.get_running_loop().call_later(delay_s, elapsed))

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
