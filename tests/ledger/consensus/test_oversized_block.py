"""OversizedBlock of CometBFT's consensus/state_test.go, at the host, where sizes are known."""

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.machine.execution import Execution
from ledger.machine.results import TxResult
from ledger.node import chain, messages
from ledger.node.block_store import BlockStore
from ledger.node.devnet import init_devnet
from ledger.node.errors import PeerMisbehaved
from ledger.node.executor import Executor
from ledger.node.home import Home
from ledger.node.snapshot_shelf import SnapshotShelf
from ledger.types.block import Commit
from ledger.types.genesis import Genesis
from ledger.types.params import ConsensusParams
from ledger.types.tx_errors import Code
from tests.ledger.consensus.script import A, Script
from tests.ledger.node.app_state import APP_STATE

LIMIT = 4_000
NAMES = ("north-lake", "riverside", "hillside", "health-authority")


@pytest.fixture
def executor(tmp_path: Path) -> Executor:
    home = Home(init_devnet(tmp_path / "net", NAMES, APP_STATE, "salus-test", 1000)[0].home)
    genesis = Genesis.read(home.genesis.read_bytes())
    small = replace(genesis, params=ConsensusParams(max_bytes=LIMIT, evidence_max_bytes=0))
    return Executor(small, BlockStore(home.blocks), SnapshotShelf(home.snapshots), 1000)


def fault_with_tx_of(executor: Executor, size: int) -> str:
    state = executor.state
    block = chain.make_block(state, (bytes(size),), Commit(), state.validators.proposer.address)
    fault = executor.judge(block)
    assert fault is not None
    return fault.field


def test_oversized_block_is_invalid_by_its_size_before_anybody_runs_its_transactions(
    executor: Executor,
) -> None:
    assert fault_with_tx_of(executor, LIMIT) == "size"
    assert fault_with_tx_of(executor, 100) == "transactions"


def test_oversized_block_at_the_limit_is_judged_by_its_content(executor: Executor) -> None:
    state = executor.state
    block = chain.make_block(state, (), Commit(), state.validators.proposer.address)
    assert executor.judge(block, LIMIT) is None
    fault = executor.judge(block, LIMIT + 1)
    assert fault is not None
    assert fault.field == "size"


def test_oversized_block_is_prevoted_nil() -> None:
    assert Script().proposal(A, valid=False) == ["prevote nil 0"]


@pytest.mark.parametrize("size", [1, 100, 129, 1_000, LIMIT])
def test_oversized_block_is_never_proposed(
    executor: Executor, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every transaction passes, so that their size alone decides how many a block takes."""
    passed = TxResult(Code.OK)
    monkeypatch.setattr(Execution, "run", lambda self, wire: passed)
    proposer = executor.state.validators.proposer.address
    block = executor.make_block([bytes(size)] * 300, Commit(), proposer)
    assert len(block.encode()) <= LIMIT
    assert bool(block.txs) == (size < 2_000)


def test_oversized_block_beyond_the_frame_is_the_peers_fault() -> None:
    largest = messages.ProposedBlock(b"proposal", bytes(messages.MAX_BLOCK_BYTES))
    assert messages.decode(messages.encode(largest)) == largest
    beyond = messages.ProposedBlock(b"proposal", bytes(messages.MAX_BLOCK_BYTES + 1))
    with pytest.raises(PeerMisbehaved):
        messages.decode(messages.encode(beyond))
