"""What validators tell each other, and when: nobody is left behind by a lost message.

Rules
- Transactions go to everyone once, many in a frame, and are checked when votes leave time (`intake`);
  proposals and votes go straight to everyone.
- Whoever connects, or makes no progress for `STALL_S` while a height is in progress, says where it stands and
  asks; whoever holds more answers with what is missing: votes and proposals of the same height, or committed
  blocks with their commits.
- A status goes out every `HEARTBEAT_S`, so that a silent connection is a dead one.
- Committed blocks are asked of one peer at a time (`block_sync`).
- What does not verify is the sender's fault and ends its connection (PeerMisbehaved). What goes beyond the
  sender's allowance (`limits`) is not looked at.
"""

import asyncio

from ledger.consensus.admission import NotAdmitted
from ledger.consensus.inputs import Step
from ledger.node import messages
from ledger.node.block_sync import BlockSync
from ledger.node.errors import BlockInvalid, PeerMisbehaved
from ledger.node.evidence_pool import EvidencePool
from ledger.node.executor import Executor
from ledger.node.intake import Intake
from ledger.node.mempool import Mempool
from ledger.node.newcomer import Newcomer, answers
from ledger.node.peers import SILENCE_S, Mesh, Peer
from ledger.node.runtime import ConsensusHost
from ledger.types.commit import Commit
from ledger.types.evidence import DuplicateVoteEvidence, EvidenceError
from ledger.types.proposal import Proposal
from ledger.types.proto import ProtoError
from ledger.types.vote import Vote

REQUESTS = (
    messages.CommittedWanted,
    messages.BlockWanted,
    messages.SnapshotsWanted,
    messages.ChunkWanted,
    messages.LightBlockWanted,
)
"""What we answer at length: the bytes are counted against the peer's allowance."""
STALL_S = 0.4
HEARTBEAT_S = SILENCE_S / 3
BLOCKS_PER_ANSWER = 50
BYTES_PER_ANSWER = 4 * 1024 * 1024
TX_BYTES_PER_FRAME = 1024 * 1024


class Gossip:
    """Speaks with peers for the consensus host, the mempool and the block store."""

    def __init__(
        self,
        mesh: Mesh,
        host: ConsensusHost,
        mempool: Mempool,
        evidence: EvidencePool,
        executor: Executor,
        newcomer: Newcomer,
    ) -> None:
        self._mesh = mesh
        self._host = host
        self._mempool = mempool
        self._evidence = evidence
        self._executor = executor
        self._store = executor.store
        self._newcomer = newcomer
        self._intake = Intake(mempool.add_all, host.wake)
        self._block_sync = BlockSync(lambda: self._store.height, mesh.peers.values, self._send)
        self._outgoing: list[bytes] = []
        self._seen_steps = -1
        self._since_heartbeat = 0.0

    # --- sending ------------------------------------------------------------------------------

    def spread(self, wire: bytes) -> None:
        """Send a new transaction to everyone, in one frame with others of the same turn of the loop."""
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(wire)

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        for frame in _frames(outgoing):
            self._mesh.broadcast(messages.encode(frame))

    def greet(self, peer: Peer) -> None:
        """A connection is up: ask what we missed, offer what waits in our pool."""
        self._send(peer, self._status(asks=True))
        for frame in _frames(list(self._mempool)):
            self._send(peer, frame)
        if pieces := self._evidence.pending():
            self._send(
                peer, messages.EvidenceHeld(tuple(one.encode() for one in pieces[: messages.MAX_PIECES]))
            )

    async def watch(self) -> None:
        """Ask when a height in progress stalls; otherwise only beat, so that an idle node sleeps."""
        while True:
            await asyncio.sleep(STALL_S)
            self._since_heartbeat += STALL_S
            stalled = self._host.step is not Step.WAITING and self._host.steps == self._seen_steps
            self._seen_steps = self._host.steps
            self._catch_up()
            if stalled:
                self.ask()
            elif self._since_heartbeat >= HEARTBEAT_S:
                self._tell(asks=False)

    def ask(self) -> None:
        """Tell everyone where we stand and ask for what we miss."""
        self._tell(asks=True)

    def _tell(self, asks: bool) -> None:
        self._since_heartbeat = 0.0
        self._mesh.broadcast(messages.encode(self._status(asks)))

    def _status(self, asks: bool) -> messages.Status:
        return messages.Status(self._store.height, self._host.round, asks)

    @staticmethod
    def _send(peer: Peer, message: messages.Message) -> None:
        peer.send(messages.encode(message))

    # --- receiving ----------------------------------------------------------------------------

    def receive(self, peer: Peer, frame: bytes) -> None:
        """Handle one frame. Raises PeerMisbehaved."""
        message, now_s = messages.decode(frame), asyncio.get_running_loop().time()
        if not peer.conduct.admits(message, len(frame), now_s):
            return
        sent = peer.sent_bytes
        try:
            self._dispatch(peer, message)
            if isinstance(message, REQUESTS):
                peer.rest(peer.conduct.answered(peer.sent_bytes - sent, now_s))
        except (NotAdmitted, ProtoError, BlockInvalid, EvidenceError) as error:
            raise PeerMisbehaved("a valid " + type(message).__name__, str(error)) from error

    def _dispatch(self, peer: Peer, message: messages.Message) -> None:
        if isinstance(message, messages.Votes):
            for encoded in message.votes:
                self._host.receive_vote(Vote.decode(encoded))
        elif isinstance(message, messages.ProposedBlock):
            self._host.receive_proposal(Proposal.decode(message.proposal), message.block)
        elif isinstance(message, messages.Transactions):
            self._intake.put(message.txs, lambda code: self._refused(peer, code))
        elif isinstance(message, messages.EvidenceHeld):
            self._on_evidence(message)
        elif isinstance(message, messages.Status):
            self._on_status(peer, message)
        elif isinstance(message, messages.SnapshotOffered | messages.Chunk | messages.LightBlockHeld):
            self._newcomer.heard(peer, message)
        elif isinstance(message, messages.SnapshotsWanted | messages.ChunkWanted | messages.LightBlockWanted):
            for answer in answers(message, self._executor, self._host.seen_commit):
                self._send(peer, answer)
        elif isinstance(message, messages.BlockWanted):
            if (held := self._host.held_block(message.block_hash)) is not None:
                self._send(peer, messages.BlockHeld(message.height, held))
        elif isinstance(message, messages.BlockHeld):
            self._host.receive_block(message.block)
        elif isinstance(message, messages.CommittedWanted):
            self._on_committed_wanted(peer, message)
        elif isinstance(message, messages.CommittedGone):
            peer.base = message.base
            self._block_sync.answered(peer)
            self._catch_up()
        elif self._block_sync.awaits(peer):
            self._host.receive_committed(message.block, Commit.decode(message.commit))

    @staticmethod
    def _refused(peer: Peer, code: int) -> None:
        """Our pool is full, or our state is further, or it is garbage: then the sender is to blame."""
        try:
            peer.conduct.sent_invalid(code, asyncio.get_running_loop().time())
        except PeerMisbehaved as error:
            peer.connection.close(error)

    def _on_evidence(self, message: messages.EvidenceHeld) -> None:
        pieces = (DuplicateVoteEvidence.decode(piece) for piece in message.pieces)
        new = [piece.encode() for piece in pieces if self._evidence.add(piece)]
        if new:
            self._mesh.broadcast(messages.encode(messages.EvidenceHeld(tuple(new))))
            self._host.wake()

    def _on_status(self, peer: Peer, status: messages.Status) -> None:
        peer.height = status.height
        self._block_sync.answered(peer)
        if status.height > self._store.height:
            self._catch_up()
        elif status.height < self._store.height:
            self._send(peer, self._status(asks=False))
        elif status.asks:
            for message in self._host.material_for(status.round):
                self._send(peer, message)

    def _catch_up(self) -> None:
        """Ask for what the peers have and we lack, if there is anything: a snapshot, or the next blocks."""
        best = max((peer.height for peer in self._mesh.peers.values()), default=0)
        if best > self._store.height and not self._newcomer.takes_over(best, self._block_sync.stranded):
            self._block_sync.go_on()

    def _on_committed_wanted(self, peer: Peer, wanted: messages.CommittedWanted) -> None:
        if wanted.height < self._store.base:
            self._send(peer, messages.CommittedGone(self._store.base))
            return
        sent = 0
        for height in range(wanted.height, min(self._store.height + 1, wanted.height + BLOCKS_PER_ANSWER)):
            stored = self._store.load(height)
            if stored is None or sent > BYTES_PER_ANSWER:
                break
            self._send(peer, messages.Committed(height, stored.block, stored.commit))
            sent += len(stored.block)
        if sent:
            self._send(peer, self._status(asks=False))


def _frames(txs: list[bytes]) -> list[messages.Transactions]:
    frames: list[messages.Transactions] = []
    batch: list[bytes] = []
    size = 0
    for wire in txs:
        if batch and (size + len(wire) > TX_BYTES_PER_FRAME or len(batch) == messages.MAX_TXS):
            frames.append(messages.Transactions(tuple(batch)))
            batch, size = [], 0
        batch.append(wire)
        size += len(wire)
    return [*frames, messages.Transactions(tuple(batch))] if batch else frames
