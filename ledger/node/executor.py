"""The committed ledger on this machine: block store, application and chain state, moving together.

Rules
- A block is executed in memory, then written with its results and synced, then the application commits. A
  crash in between loses only memory; the block comes again from the write-ahead log or from peers.
- On start the application is restored from the newest snapshot that is whole and the blocks after it are
  executed again; each must give the app hash that was stored, or the node refuses to run (its rules or its
  disk changed). Signatures in them were verified before they were stored, and are not verified again.
- Snapshots are written in the background. Blocks go from the disk only when a snapshot after them is durable.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import msgspec

from ledger.machine.application import Application
from ledger.machine.context import Members
from ledger.machine.results import BlockResult, Event
from ledger.machine.snapshot import SnapshotError
from ledger.machine.validators import tolerated_faults
from ledger.node import chain, evidence
from ledger.node.block_store import BlockStore, StoredBlock
from ledger.node.errors import BlockInvalid, HomeInvalid, NodeError
from ledger.node.log import log
from ledger.node.priorities import set_at
from ledger.node.snapshot_shelf import SnapshotShelf
from ledger.node.snapshot_writer import SNAPSHOT_TXS, SnapshotWriter
from ledger.node.state_sync import Synced
from ledger.types.block import Block, Commit, block_id_of
from ledger.types.evidence import DuplicateVoteEvidence, EvidenceError
from ledger.types.genesis import Genesis
from ledger.types.ids import BlockID
from ledger.types.results import ExecTxResult, results_hash
from ledger.types.tx_errors import Code
from ledger.types.validators import Validator, ValidatorSet

MAX_TX_BYTES_PER_BLOCK = 3 * 1024 * 1024
NO_FAULT_TOLERATED = "f=0: no validator may fail or lie"
_HEADER_ROOM = 1024
"""More than a header (CometBFT: 626 bytes) and the framing of a block take."""
_TX_FRAMING = 4
"""Tag and length before each transaction in a block."""


class ResultRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A transaction's result, as stored beside its block."""

    code: int
    reason: str
    events: tuple[Event, ...]


_results_encoder = msgspec.msgpack.Encoder()
_results_decoder = msgspec.msgpack.Decoder(tuple[ResultRecord, ...])


def stored_results(stored: StoredBlock) -> tuple[ResultRecord, ...]:
    """The results of a stored block's transactions, in order."""
    return _results_decoder.decode(stored.results)


class Executor:
    """The one owner of block store, application and chain state."""

    def __init__(
        self,
        genesis: Genesis,
        store: BlockStore,
        shelf: SnapshotShelf,
        snapshot_every: int,
        snapshot_txs: int = SNAPSHOT_TXS,
        retain_blocks: int = 0,
        snapshot_turn: float = 1.0,
    ) -> None:
        """Restore from the shelf's newest snapshot and catch up with the store. Raises NodeError."""
        if genesis.initial_height != 1:
            raise HomeInvalid(f"genesis.json: initial_height must be 1, got {genesis.initial_height}")
        self.store = store
        self.chain_id = genesis.chain_id
        self.params = genesis.params
        self.genesis_members: Members = {each.public_key: each.power for each in genesis.validators}
        self.shelf = shelf
        self.snapshots = SnapshotWriter(shelf, snapshot_every, snapshot_txs, snapshot_turn)
        self._retain_blocks = retain_blocks
        self._genesis_set = genesis.validator_set()
        self.adopted_commit = Commit()
        self.app = Application()
        app_hash = self.app.init_chain(
            genesis.chain_id, genesis.app_state, genesis.time_ns // 1_000_000, self.genesis_members
        )
        self.state = chain.genesis_state(
            genesis.chain_id,
            genesis.time_ns,
            genesis.validator_set(),
            genesis.params.hash,
            app_hash,
            genesis.app_version,
        )
        self._restore()
        self._durable = shelf.labels
        if self.state.height + 1 < store.base:
            raise NodeError(
                f"the blocks begin at {store.base} but the state is that after {self.state.height}: "
                "remove blocks.log and snapshots/, and this node takes a snapshot over from its peers"
            )
        for height in range(self.state.height + 1, store.height + 1):
            self._execute_again(height)
        self.app.believe_signatures(False)

    @property
    def height(self) -> int:
        """The last block's height."""
        return self.state.height

    @property
    def time_ns(self) -> int:
        """The last block's header time."""
        return self.state.last_time_ns

    def validators_at(self, height: int) -> ValidatorSet:
        """The set that decides `height`, at most two beyond the last block. Its priorities are not those of
        then."""
        return _set_of(tuple(sorted(self.app.validators_at(height).items())))

    def header_time_ns(self, height: int) -> int | None:
        """The header time of `height`; None when we do not have that block."""
        stored = self.store.load(height)
        return None if stored is None else Block.decode(stored.block).header.time_ns

    def alarms(self) -> tuple[str, ...]:
        """What is wrong with the validators of the height after the next; empty when nothing is."""
        powers = {one.public_key: one.power for one in self.state.next_validators.validators}
        return () if tolerated_faults(powers) else (NO_FAULT_TOLERATED,)

    def is_punished(self, public_key: bytes) -> bool:
        """Whether this validator was found at fault before."""
        return self.app.is_punished(public_key)

    def make_block(
        self,
        candidates: Iterable[bytes],
        last_commit: Commit,
        proposer: bytes,
        pieces: tuple[DuplicateVoteEvidence, ...] = (),
    ) -> Block:
        """Our proposal for the next height, of those candidates that the rules accept, with this evidence."""
        time_ns = chain.next_time_ns(self.state, last_commit)
        faulty = evidence.culprits(pieces, self)
        offered = list(candidates)
        room = self._room_for_txs(last_commit, pieces) - _TX_FRAMING * len(offered)
        votes = chain.last_votes(self.state, last_commit)
        txs = self.app.prepare_proposal(offered, room, time_ns // 1_000_000, faulty, votes)
        return chain.make_block(self.state, tuple(txs), last_commit, proposer, pieces)

    def _room_for_txs(self, last_commit: Commit, pieces: tuple[DuplicateVoteEvidence, ...]) -> int:
        """Bytes of transactions that fit a block beside its header, commit and evidence."""
        beside = len(last_commit.encode()) + sum(len(piece.encode()) + 16 for piece in pieces)
        return min(MAX_TX_BYTES_PER_BLOCK, self.params.max_bytes - beside - _HEADER_ROOM)

    def judge(self, block: Block, size: int | None = None) -> BlockInvalid | None:
        """What is wrong with `block` as the next one; None when it is valid. `size`: its encoding's bytes."""
        size = len(block.encode()) if size is None else size
        if size > self.params.max_bytes:
            return BlockInvalid("size", f"at most {self.params.max_bytes} bytes", size)
        try:
            chain.validate_block(self.state, block)
            evidence.check_block(block.evidence, self)
        except BlockInvalid as error:
            return error
        except (EvidenceError, evidence.DoesNotCount) as error:
            return BlockInvalid("evidence", "pieces that count", str(error))
        faulty = evidence.culprits(block.evidence, self)
        votes = chain.last_votes(self.state, block.last_commit)
        if not self.app.process_proposal(block.txs, block.header.time_ns // 1_000_000, faulty, votes):
            return BlockInvalid("transactions", "only ones that the rules accept", "one that they reject")
        return None

    def commit(self, block: Block, encoded: bytes, commit: Commit) -> StoredBlock:
        """Execute, store and commit the decided `block`; durable when this returns."""
        result = self._finalize(block)
        stored = StoredBlock(
            height=block.header.height,
            block_hash=commit.block_id.hash,
            block=encoded,
            commit=commit.encode(),
            results=_results_encoder.encode(_records(result)),
            app_hash=result.app_hash,
        )
        self.store.append(stored, block.tx_hashes)
        self.app.commit()
        self._advance(block, commit.block_id, result)
        self.snapshots.committed(self.state, len(block.txs), self.app.snapshot)
        if self.shelf.labels is not self._durable:
            self._durable = self.shelf.labels
            self._prune()
        return stored

    def adopt(self, synced: Synced) -> None:
        """Take over the state that peers gave us. Raises SnapshotError unless it is that of the header.

        Blocks that lie before it go first: after a crash in between this node is empty, and syncs again.
        """
        after, header = synced.after, synced.header
        app = Application.restore(synced.snapshot, after.app_hash, self.genesis_members)
        if app.info().height != header.height:
            raise SnapshotError(f"the state says height {app.info().height}, its header {header.height}")
        last, this, following = (
            set_at(self._genesis_set, app.validator_changes(), app.validators_at, header.height + more)
            for more in range(3)
        )
        if (this.hash, following.hash) != (after.validators_hash, after.next_validators_hash):
            raise SnapshotError("the state's validators are not those of the verified header")
        self.store.start_at(after.height)
        self.app = app
        self.adopted_commit = synced.commit
        self.state = replace(
            self.state,
            height=header.height,
            last_block_id=after.last_block_id,
            last_time_ns=header.time_ns,
            validators=this,
            next_validators=following,
            last_validators=last,
            app_hash=after.app_hash,
            app_hash_in_header=header.app_hash,
            last_results_hash=after.last_results_hash,
        )
        self.snapshots.adopted(self.state, app.snapshot())

    def save_snapshot(self) -> None:
        """Have the state as of now on disk before this returns, so that the next start executes nothing."""
        self.snapshots.save(self.state, self.app.snapshot)

    def _prune(self) -> None:
        """Forget blocks that neither the configuration, nor evidence, nor a snapshot of ours still needs."""
        if not self._retain_blocks:
            return
        below = min(self.state.height - self._retain_blocks + 1, *(one.height for one in self._durable))
        expired = bisect_left(
            range(self.store.base, max(below, self.store.base)),
            True,
            key=lambda height: not self._is_old(height),
        )
        if gone := self.store.prune(self.store.base + expired):
            log("pruned", blocks=gone, base=self.store.base)

    def _is_old(self, height: int) -> bool:
        time_ns = self.header_time_ns(height)
        return time_ns is not None and evidence.is_expired(self, height, time_ns)

    def _finalize(self, block: Block) -> BlockResult:
        header, faulty = block.header, evidence.culprits(block.evidence, self)
        votes = chain.last_votes(self.state, block.last_commit)
        return self.app.finalize_block(block.txs, header.height, header.time_ns // 1_000_000, faulty, votes)

    def _advance(self, block: Block, block_id: BlockID, result: BlockResult) -> None:
        hashed = results_hash(ExecTxResult(int(one.code)) for one in result.results)
        updates = result.validator_updates
        self.state = chain.advance(self.state, block, block_id, result.app_hash, hashed, updates)
        for public_key, power in updates:
            log("validator_update", height=self.state.height, key=public_key[:8], power=power)
        for alarm in self.alarms() if updates else ():
            log("alarm", why=alarm, validators=len(self.state.next_validators))

    def _execute_again(self, height: int) -> None:
        stored = self.store.load(height)
        if stored is None:
            raise NodeError(f"block {height} is missing from the block store")
        block = Block.decode(stored.block)
        self.app.believe_signatures(all(one.code == Code.OK for one in stored_results(stored)))
        result = self._finalize(block)
        if result.app_hash != stored.app_hash:
            raise NodeError(
                f"executing block {height} again gave app hash {result.app_hash.hex()}, "
                f"stored is {stored.app_hash.hex()}: these rules differ from those that made the chain"
            )
        self.app.commit()
        self._advance(block, block_id_of(block, stored.block), result)
        self.snapshots.executed(len(block.txs))

    def _restore(self) -> None:
        for label in self.shelf.labels:
            state = label.state(self.state)
            if state.chain_id != self.chain_id or not self._is_of_store(state):
                log("snapshot_ignored", height=label.height, why="it is not of the stored chain")
                continue
            try:
                pieces = self.shelf.pieces(label)
                self.app = Application.restore(pieces, label.app_hash, self.genesis_members, ours=True)
            except (OSError, ValueError) as error:
                log("snapshot_ignored", height=label.height, why=str(error))
                continue
            self.state = state
            self.snapshots.begin(label.height)
            return

    def _is_of_store(self, state: chain.ChainState) -> bool:
        """Whether the stored blocks hold or directly continue this state."""
        if (stored := self.store.load(state.height)) is not None:
            return stored.app_hash == state.app_hash
        first = self.store.load(self.store.base)
        if first is None or state.height != self.store.base - 1:
            return False
        header = Block.decode(first.block).header
        return (header.last_block_id, header.app_hash) == (state.last_block_id, state.app_hash)


@lru_cache(maxsize=64)
def _set_of(members: tuple[tuple[bytes, int], ...]) -> ValidatorSet:
    return ValidatorSet.of(Validator.of(public_key, power) for public_key, power in members)


def _records(result: BlockResult) -> tuple[ResultRecord, ...]:
    return tuple([ResultRecord(int(one.code), one.reason, one.events) for one in result.results])
