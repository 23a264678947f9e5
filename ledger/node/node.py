"""One validator's node: its home, its consensus, its peers and its RPC, put together."""

import asyncio
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from ledger.consensus.timeouts import TimeoutPolicy
from ledger.machine.results import CheckResult
from ledger.node import messages, metrics
from ledger.node.block_store import BlockStore, StoredBlock
from ledger.node.candidacy import Candidacy
from ledger.node.chunk_stash import ChunkStash
from ledger.node.energy import SAMPLE_S, EnergyMeter
from ledger.node.errors import HomeInvalid, MempoolRefused
from ledger.node.event_index import EventIndex
from ledger.node.evidence_pool import EvidencePool
from ledger.node.executor import Executor
from ledger.node.gossip import Gossip
from ledger.node.home import Config, Home
from ledger.node.log import log
from ledger.node.membership import Membership
from ledger.node.mempool import BUSY, Mempool
from ledger.node.messages import Message
from ledger.node.newcomer import Newcomer
from ledger.node.peers import Mesh, Peer
from ledger.node.runtime import ConsensusHost
from ledger.node.signer import GuardFile, Signer
from ledger.node.signing_record import SigningRecord
from ledger.node.snapshot_shelf import SnapshotShelf
from ledger.node.wal import Wal
from ledger.types.genesis import Genesis
from ledger.types.ids import address_of
from ledger.types.tx_errors import Code


class Node:
    """A running validator. Everything happens on one event loop; `start` and `stop` bracket its life."""

    def __init__(self, home: Home) -> None:
        """Open the home and bring the committed ledger up. Raises NodeError, GenesisError."""
        self.config = home.config()
        self._lock = home.lock()
        key = home.signing_key()
        self.public_key = bytes(key.verify_key)
        self.address = address_of(self.public_key)
        self.genesis_bytes = home.genesis.read_bytes()
        self.genesis = Genesis.read(self.genesis_bytes)
        self.store = BlockStore(home.blocks)
        self.index = EventIndex(self.store)
        self.record = SigningRecord(self.genesis.chain_id)
        self.executor = Executor(
            self.genesis,
            self.store,
            SnapshotShelf(home.snapshots),
            self.config.snapshot_every,
            self.config.snapshot_txs,
            self.config.retain_blocks,
            _turn(self.genesis, self.address),
        )
        self.mempool = Mempool(
            self._check_txs, self.config.mempool_txs, self.config.mempool_bytes, self.store.place_of
        )
        self.evidence = EvidencePool(home.evidence, self.executor)
        self._wal = Wal(home.wal)
        self._guard = GuardFile(home.guard)
        self.energy = EnergyMeter(self.config.watts_per_core)

        def sign(message: bytes) -> bytes:
            return bytes(key.sign(message).signature)

        signer = Signer(self._guard, sign)
        self._candidacy = Candidacy(self.genesis.chain_id, self.public_key, sign, _now_ms)
        self.host = ConsensusHost(
            self.executor,
            self.mempool,
            self.evidence,
            self._wal,
            signer,
            self.address,
            _policy(self.config),
            self.config.max_block_txs,
            self,
            trusting_period_s=self.config.trusting_period_s,
        )
        self._membership = Membership(home.peers(), self.executor, self.public_key)
        self.mesh = Mesh(
            home.certificate,
            home.tls_key,
            (self.config.p2p_host, self.config.p2p_port),
            self._membership.now(),
            self._received,
            self._connected,
        )
        self._newcomer = Newcomer(
            self.genesis,
            self.executor,
            self.mesh,
            self.config.state_sync_beyond,
            self._adopted,
            ChunkStash(home.incoming),
            prunes=self.config.retain_blocks > 0,
            named=_named(self.config),
        )
        self._gossip = Gossip(
            self.mesh, self.host, self.mempool, self.evidence, self.executor, self._newcomer
        )
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._block_came = asyncio.Event()
        self._waiting: dict[bytes, set[asyncio.Future[None]]] = {}

    async def start(self) -> None:
        """Replay, connect, and take part."""
        self.host.start()
        await self.mesh.start()
        work = (self._gossip.watch(), self._sample_energy(), self.index.follow(self.wait_for_block))
        self._tasks = tuple(asyncio.get_running_loop().create_task(each) for each in work)

    async def stop(self) -> None:
        """Leave cleanly: what is on disk needs no replay beyond the height in progress."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._newcomer.stop()
        self.host.stop()
        await self.mesh.stop()
        self.executor.save_snapshot()
        self._wal.close()
        self.store.close()
        self._guard.close()

    @property
    def catching_up(self) -> bool:
        """Whether a connected peer has blocks that we lack (one more may just be on its way)."""
        return any(peer.height > self.store.height + 1 for peer in self.mesh.peers.values())

    # --- for the RPC --------------------------------------------------------------------------

    def submit(self, wire: bytes) -> bytes:
        """Take a client's transaction in and spread it; returns its hash. Raises MempoolRefused.

        The same bytes again are no error, whether they wait or are committed.
        """
        (answer,) = self.submit_all((wire,))
        if isinstance(answer, MempoolRefused):
            raise answer
        return hashlib.sha256(wire).digest()

    def submit_all(self, wires: Sequence[bytes]) -> list[bool | MempoolRefused]:
        """`submit` of each: whether it was new, or why it is refused."""
        answers = self.mempool.add_all(wires)
        for wire, answer in zip(wires, answers, strict=True):
            if isinstance(answer, MempoolRefused):
                metrics.REFUSED.labels(code_name(answer.code)).inc()
            elif answer:
                self._gossip.spread(wire)
        if True in answers:
            self.host.wake()
        return answers

    async def wait_for_tx(self, tx_hash: bytes) -> None:
        """Return once a block holds the transaction. Raises MempoolRefused when it was dropped instead."""
        if self.store.place_of(tx_hash) is not None:
            return
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(tx_hash, set())
        waiting.add(future)
        try:
            await future
        finally:
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(tx_hash, None)

    async def wait_for_block(self, height: int) -> None:
        """Return once the block at `height` is stored."""
        while self.store.height < height:
            await self._block_came.wait()

    # --- surroundings of the consensus host ---------------------------------------------------

    def broadcast(self, message: Message) -> None:
        self.mesh.broadcast(messages.encode(message))

    def ask(self) -> None:
        self._gossip.ask()

    def reaches(self, address: bytes) -> bool:
        return address == self.address or self.mesh.reaches(address)

    def disk_failed(self, error: OSError) -> None:
        log("failed", why=f"cannot write to the home folder: {error}", next="free space or replace the disk")
        sys.stderr.flush()
        os._exit(1)

    def committed(self, stored: StoredBlock, tx_hashes: Sequence[bytes]) -> None:
        if self._waiting:
            for tx_hash in tx_hashes:
                self._settle(tx_hash, None)
        for tx_hash, result in self.mempool.recheck():
            refused = MempoolRefused(
                int(result.code), f"{result.code.name}: {result.reason}", result.permanent
            )
            self._settle(tx_hash, refused)
            metrics.EVICTED.inc()
        self.record.committed(stored, self.executor.time_ns, self.executor.state.last_validators)
        self.mesh.admit(self._membership.now())
        self.energy.committed(len(tx_hashes))
        self._renew_candidacy(stored)
        self._block_came.set()
        self._block_came = asyncio.Event()
        log("committed", height=stored.height, txs=len(tx_hashes), app_hash=stored.app_hash[:8])

    def _renew_candidacy(self, stored: StoredBlock) -> None:
        wire = self._candidacy.renewal(self.executor.app, stored, self.catching_up)
        if wire is None:
            return
        try:
            self.submit(wire)
        except MempoolRefused as refused:
            log("renewal_refused", why=str(refused))

    async def _sample_energy(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_S)
            self.energy.sample()

    def _settle(self, tx_hash: bytes, error: MempoolRefused | None) -> None:
        for future in self._waiting.pop(tx_hash, ()):
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    def _adopted(self, adopted: bool) -> None:
        """A state was taken over, or none was to be had: go on with blocks."""
        if adopted:
            self.host.adopted()
            self.mesh.admit(self._membership.now())
        self._gossip.ask()

    def _check_txs(self, wires: Sequence[bytes]) -> list[CheckResult]:
        checks = self.executor.app.check_txs(wires, _now_ms())
        for checked in checks:
            if not checked.ok:
                metrics.FAILED_CHECKS.labels(checked.code.name).inc()
        return checks

    def _received(self, peer: Peer, frame: bytes) -> None:
        self._gossip.receive(peer, frame)

    def _connected(self, peer: Peer) -> None:
        log("peer_up", peer=peer.moniker)
        self._gossip.greet(peer)


def _turn(genesis: Genesis, address: bytes) -> float:
    """This validator's place among those of the genesis, above 0 and at most 1; 1 for any other."""
    members = genesis.validator_set()
    index = members.index_of(address)
    return 1.0 if index is None else (index + 1) / len(members.validators)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def code_name(code: int) -> str:
    """A code of refusal in words: of the table in `ledger.types.tx_errors`, or the pool's own."""
    return "BUSY" if code == BUSY else Code(code).name


def _named(config: Config) -> tuple[int, bytes] | None:
    """The header that the operator trusts."""
    if bool(config.trusted_height) != bool(config.trusted_hash):
        raise HomeInvalid("config.json: give both trusted_height and trusted_hash, or neither")
    return (config.trusted_height, bytes.fromhex(config.trusted_hash)) if config.trusted_height else None


def _policy(config: Any) -> TimeoutPolicy:
    return TimeoutPolicy(
        propose_ms=config.timeout_propose_ms,
        prevote_ms=config.timeout_prevote_ms,
        precommit_ms=config.timeout_precommit_ms,
        delta_ms=config.timeout_delta_ms,
    )
