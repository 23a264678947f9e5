"""The committed ledger on this machine: block store, application and chain state, moving together.

Rules
- A block is executed in memory, then written with its results and synced, then the application commits. A
  crash in between loses only memory; the block comes again from the write-ahead log or from peers.
- On start the application is restored from the last snapshot and the blocks after it are executed again; each
  must give the app hash that was stored, or the node refuses to run (its rules or its disk changed).
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import msgspec

from ledger.machine.application import Application
from ledger.machine.context import Members
from ledger.machine.results import BlockResult
from ledger.node import chain, evidence
from ledger.node.block_store import BlockStore, StoredBlock
from ledger.node.errors import BlockInvalid, HomeInvalid, NodeError
from ledger.node.log import log
from ledger.node.snapshots import load_snapshot, save_snapshot
from ledger.types.block import Block, Commit, block_id_of
from ledger.types.evidence import DuplicateVoteEvidence, EvidenceError
from ledger.types.genesis import Genesis
from ledger.types.ids import BlockID
from ledger.types.results import ExecTxResult, results_hash
from ledger.types.validators import Validator, ValidatorSet

MAX_TX_BYTES_PER_BLOCK = 3 * 1024 * 1024


class EventRecord(msgspec.Struct, frozen=True, array_like=True):
    """An event of a transaction, as stored beside its block."""

    type: str
    attributes: tuple[tuple[str, str], ...]


class ResultRecord(msgspec.Struct, frozen=True, array_like=True):
    """A transaction's result, as stored beside its block."""

    code: int
    reason: str
    events: tuple[EventRecord, ...]


_results_encoder = msgspec.msgpack.Encoder()
_results_decoder = msgspec.msgpack.Decoder(tuple[ResultRecord, ...])


def stored_results(stored: StoredBlock) -> tuple[ResultRecord, ...]:
    """The results of a stored block's transactions, in order."""
    return _results_decoder.decode(stored.results)


class Executor:
    """The one owner of block store, application and chain state."""

    def __init__(self, genesis: Genesis, store: BlockStore, snapshot: Path, snapshot_every: int) -> None:
        """Restore from `snapshot` if it is there and catch up with the store. Raises NodeError."""
        if genesis.initial_height != 1:
            raise HomeInvalid(f"genesis.json: initial_height must be 1, got {genesis.initial_height}")
        self.store = store
        self.chain_id = genesis.chain_id
        self.params = genesis.params
        self.genesis_members: Members = {each.public_key: each.power for each in genesis.validators}
        self._snapshot = snapshot
        self._snapshot_every = snapshot_every
        self._snapshot_height = 0
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
        for height in range(self.state.height + 1, store.height + 1):
            self._execute_again(height)

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
        txs = self.app.prepare_proposal(
            list(candidates), MAX_TX_BYTES_PER_BLOCK, time_ns // 1_000_000, faulty
        )
        return chain.make_block(self.state, tuple(txs), last_commit, proposer, pieces)

    def judge(self, block: Block) -> BlockInvalid | None:
        """What is wrong with `block` as the next one; None when it is valid."""
        try:
            chain.validate_block(self.state, block)
            evidence.check_block(block.evidence, self)
        except BlockInvalid as error:
            return error
        except (EvidenceError, evidence.DoesNotCount) as error:
            return BlockInvalid("evidence", "pieces that count", str(error))
        faulty = evidence.culprits(block.evidence, self)
        if not self.app.process_proposal(block.txs, block.header.time_ns // 1_000_000, faulty):
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
            txs=block.txs,
            results=_results_encoder.encode(_records(result)),
            app_hash=result.app_hash,
        )
        self.store.append(stored)
        self.app.commit()
        self._advance(block, commit.block_id, result)
        if self.state.height - self._snapshot_height >= self._snapshot_every:
            self.save_snapshot()
        return stored

    def save_snapshot(self) -> None:
        """Write the state as of now, so that the next start executes fewer blocks."""
        if self.state.height > self._snapshot_height:
            save_snapshot(self._snapshot, self.state, self.app.snapshot())
            self._snapshot_height = self.state.height

    def _finalize(self, block: Block) -> BlockResult:
        header, faulty = block.header, evidence.culprits(block.evidence, self)
        return self.app.finalize_block(block.txs, header.height, header.time_ns // 1_000_000, faulty)

    def _advance(self, block: Block, block_id: BlockID, result: BlockResult) -> None:
        hashed = results_hash(ExecTxResult(int(one.code)) for one in result.results)
        updates = result.validator_updates
        self.state = chain.advance(self.state, block, block_id, result.app_hash, hashed, updates)
        for public_key, power in updates:
            log("validator_update", height=self.state.height, key=public_key[:8], power=power)

    def _execute_again(self, height: int) -> None:
        stored = self.store.load(height)
        if stored is None:
            raise NodeError(f"block {height} is missing from the block store")
        block = Block.decode(stored.block)
        result = self._finalize(block)
        if result.app_hash != stored.app_hash:
            raise NodeError(
                f"executing block {height} again gave app hash {result.app_hash.hex()}, "
                f"stored is {stored.app_hash.hex()}: these rules differ from those that made the chain"
            )
        self.app.commit()
        self._advance(block, block_id_of(block, stored.block), result)

    def _restore(self) -> None:
        loaded = load_snapshot(self._snapshot, self.state)
        if loaded is None:
            return
        state, app_bytes = loaded
        stored = self.store.load(state.height)
        if stored is None or stored.app_hash != state.app_hash:
            log("snapshot_ignored", why="it is not of the stored chain", height=state.height)
            return
        self.app = Application.restore(app_bytes, state.app_hash, self.genesis_members)
        self.state = state
        self._snapshot_height = state.height


@lru_cache(maxsize=64)
def _set_of(members: tuple[tuple[bytes, int], ...]) -> ValidatorSet:
    return ValidatorSet.of(Validator.of(public_key, power) for public_key, power in members)


def _records(result: BlockResult) -> tuple[ResultRecord, ...]:
    return tuple(
        ResultRecord(
            int(one.code),
            one.reason,
            tuple(EventRecord(event.type, event.attributes) for event in one.events),
        )
        for one in result.results
    )
