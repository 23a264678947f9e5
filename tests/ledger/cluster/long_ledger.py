"""A ledger of many real blocks, made without consensus: executed, signed by all its validators, and stored.

Every block holds one registration, so the state is as large as after as many commits. Blocks are a second
apart and end about now. Only syncing to disk after each block is left out: it is done once, at the end.
"""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from ledger.node.block_store import BlockStore
from ledger.node.executor import Executor
from ledger.node.home import Home
from ledger.node.snapshot_shelf import SnapshotShelf
from ledger.types.block import Commit, CommitSig, block_id_of
from ledger.types.genesis import Genesis
from ledger.types.ids import BlockID
from ledger.types.vote import Vote, VoteType
from tests.ledger.cluster.network import MONIKERS, Network, Person

SECOND = 1_000_000_000


def person(height: int) -> Person:
    """Who was registered by the block at `height`."""
    return Person(f"person {height}")


def make_long_network(home: Path, blocks: int, config: Mapping[str, Any] | None = None) -> Network:
    """A network, not started, whose validators each hold the same `blocks` blocks and two snapshots at most.

    The newest snapshot lies a few blocks below the tip; `snapshot_every` is set so.
    """
    every = (blocks - 3) // 2
    network = Network.make(home, {"snapshot_every": every, **(config or {})})
    _begin_in_the_past(network, blocks)
    first, *others = [Home(network.node(name).home) for name in MONIKERS]
    _fill(first, [Home(network.node(name).home).signing_key() for name in MONIKERS], blocks, every)
    for other in others:
        shutil.copyfile(first.blocks, other.blocks)
        shutil.copytree(first.snapshots, other.snapshots)
    return network


def _begin_in_the_past(network: Network, blocks: int) -> None:
    document = network.genesis
    began = time.gmtime(time.time() - blocks - 60)
    document["genesis_time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", began)
    for folder in (network.home, *(node.home for node in network.nodes)):
        (folder / "genesis.json").write_text(json.dumps(document))


def _fill(home: Home, keys: list[SigningKey], blocks: int, every: int) -> None:
    genesis = Genesis.read(home.genesis.read_bytes())
    by_key = {bytes(key.verify_key): key for key in keys}
    store = BlockStore(home.blocks)
    sync, store._log.sync = store._log.sync, lambda: None  # type: ignore[method-assign]
    executor = Executor(genesis, store, SnapshotShelf(home.snapshots), every)
    last = Commit()
    for height in range(1, blocks + 1):
        wire = person(height).registers((genesis.time_ns + height * SECOND) // 1_000_000)
        block = executor.make_block([wire], last, executor.state.validators.proposer.address)
        assert block.txs
        encoded = block.encode()
        last = _signed(executor, by_key, height, block_id_of(block, encoded), genesis.time_ns)
        executor.commit(block, encoded, last)
    executor.snapshots.finish()
    sync()
    store.close()


def _signed(
    executor: Executor, keys: Mapping[bytes, SigningKey], height: int, block_id: BlockID, began_ns: int
) -> Commit:
    time_ns = began_ns + height * SECOND
    slots = []
    for index, voter in enumerate(executor.state.validators.validators):
        vote = Vote(VoteType.PRECOMMIT, height, 0, block_id, time_ns, voter.address, index)
        signature = keys[voter.public_key].sign(vote.sign_bytes(executor.chain_id)).signature
        slots.append(CommitSig.of(replace(vote, signature=bytes(signature))))
    return Commit(height, 0, block_id, tuple(slots))
