"""A ledger that holds patients and consents before the clock runs: real blocks, decided and signed by all.

Made once per size in a folder, by executing every transaction through the node's own executor; the four
homes get copies of its last blocks and its snapshot, as after pruning.
"""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from bench.ledger import workload
from ledger.node.block_store import BlockStore
from ledger.node.devnet import DevnetNode, init_devnet
from ledger.node.executor import Executor
from ledger.node.home import Home
from ledger.node.snapshot_shelf import SnapshotShelf
from ledger.types.block import Block, Commit, CommitSig, block_id_of
from ledger.types.genesis import Genesis
from ledger.types.ids import BlockID
from ledger.types.signing import sign
from ledger.types.vote import Vote, VoteType

CHAIN_ID = "salus-bench"
MONIKERS = ("north-lake", "riverside", "hillside", "health-authority")
PER_BLOCK = 2_000
KEPT_BLOCKS = 5


class Maker:
    """Decides blocks of prepared transactions with the keys of all four validators."""

    def __init__(self, folder: Path, genesis: Genesis, seeds: Mapping[bytes, bytes]) -> None:
        self._seeds = seeds
        store = BlockStore(folder / "blocks.log")
        self.executor = Executor(genesis, store, SnapshotShelf(folder / "snapshots"), 10**9, 10**9)
        self._commit = Commit()

    def decide(self, txs: tuple[bytes, ...]) -> None:
        """One block of exactly `txs`; raises AssertionError when the rules refuse one."""
        executor, state = self.executor, self.executor.state
        block = executor.make_block(txs, self._commit, state.validators.proposer.address)
        assert len(block.txs) == len(txs), "the rules refuse a prepared transaction"
        encoded = block.encode()
        self._commit = self._signed(block, block_id_of(block, encoded))
        executor.commit(block, encoded, self._commit)

    def _signed(self, block: Block, block_id: BlockID) -> Commit:
        height, slots = block.header.height, []
        time_ns = max(time.time_ns(), block.header.time_ns + 1_000_000)
        for index, voter in enumerate(self.executor.state.validators.validators):
            vote = Vote(VoteType.PRECOMMIT, height, 0, block_id, time_ns, voter.address, index)
            signature = sign(self._seeds[voter.public_key], vote.sign_bytes(CHAIN_ID))
            slots.append(CommitSig.of(replace(vote, signature=signature)))
        return Commit(height, 0, block_id, tuple(slots))

    def close(self) -> None:
        self.executor.save_snapshot()
        self.executor.store.prune(self.executor.height - KEPT_BLOCKS + 1)
        self.executor.store.close()


def prepare(
    home: Path, consents: int, base_port: int, config: Mapping[str, Any] | None = None
) -> tuple[DevnetNode, ...]:
    """Four homes whose ledger holds the patients and `consents` consents."""
    nodes = init_devnet(home, MONIKERS, workload.app_state(), CHAIN_ID, base_port, config)
    keys = [Home(node.home).signing_key() for node in nodes]
    seeds = {bytes(key.verify_key): bytes(key) for key in keys}
    folder = home / "prepared"
    folder.mkdir()
    maker = Maker(folder, Genesis.read((home / "genesis.json").read_bytes()), seeds)
    for batch in _batches(workload.base_transactions(CHAIN_ID, consents)):
        maker.decide(batch)
    maker.decide(())
    maker.close()
    for node in nodes:
        shutil.copy(folder / "blocks.log", node.home / "data")
        shutil.copytree(folder / "snapshots", node.home / "data" / "snapshots")
    shutil.rmtree(folder)
    os.sync()
    return nodes


def _batches(txs: Iterator[bytes]) -> Iterator[tuple[bytes, ...]]:
    first = tuple(islice(txs, 1))
    yield first
    registrations = tuple(islice(txs, workload.PERSONS))
    for at in range(0, len(registrations), PER_BLOCK):
        yield registrations[at : at + PER_BLOCK]
    while batch := tuple(islice(txs, PER_BLOCK)):
        yield batch
