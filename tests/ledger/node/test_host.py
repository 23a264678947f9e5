"""The consensus host without sockets: four of them in one loop, crashed at every entry of their log."""

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ledger.consensus.timeouts import TimeoutPolicy
from ledger.node.block_store import BlockStore, StoredBlock
from ledger.node.devnet import init_devnet
from ledger.node.errors import BlockInvalid, PeerMisbehaved
from ledger.node.evidence_pool import EvidencePool
from ledger.node.executor import Executor
from ledger.node.home import Home
from ledger.node.mempool import Mempool
from ledger.node.messages import BlockWanted, Message, ProposedBlock, Votes
from ledger.node.record_log import RecordLog, frame
from ledger.node.runtime import ConsensusHost
from ledger.node.signer import GuardFile, Signer, SignRecord
from ledger.node.snapshot_shelf import SnapshotShelf
from ledger.node.wal import Wal
from ledger.types.block import Block
from ledger.types.commit import ABSENT, Commit
from ledger.types.genesis import Genesis
from ledger.types.ids import address_of
from ledger.types.proposal import Proposal
from ledger.types.vote import Vote
from tests.ledger.node.app_state import APP_STATE

NAMES = ("north-lake", "riverside", "hillside", "health-authority")
NOW_MS = 1_767_225_600_000


@dataclass
class Validator:
    """One host on a real home; what it says lands in `said`."""

    home: Home
    said: list[Message] = field(default_factory=list)
    deaf: bool = False
    clock_ns: Callable[[], int] = time.time_ns

    def boot(self) -> None:
        key = self.home.signing_key()
        self.store = BlockStore(self.home.blocks)
        genesis = Genesis.read(self.home.genesis.read_bytes())
        self.executor = Executor(genesis, self.store, SnapshotShelf(self.home.snapshots), 1000)
        self.mempool = Mempool(lambda wires: self.executor.app.check_txs(wires, NOW_MS))
        self.wal = Wal(self.home.wal)
        self.host = ConsensusHost(
            self.executor,
            self.mempool,
            EvidencePool(self.home.evidence, self.executor),
            self.wal,
            Signer(GuardFile(self.home.guard), lambda message: bytes(key.sign(message).signature)),
            address_of(bytes(key.verify_key)),
            TimeoutPolicy(200, 100, 100, 50),
            500,
            self,
            self.clock_ns,
        )
        self.host.start()

    def broadcast(self, message: Message) -> None:
        self.said.append(message)

    def reaches(self, address: bytes) -> bool:
        return True

    def ask(self) -> None:
        pass

    def disk_failed(self, error: OSError) -> None:
        raise AssertionError(error)

    def committed(self, stored: StoredBlock, tx_hashes: Sequence[bytes]) -> None:
        pass

    def hear(self, message: Message) -> None:
        if isinstance(message, Votes):
            for vote in message.votes:
                self.host.receive_vote(Vote.decode(vote))
        elif isinstance(message, ProposedBlock):
            self.host.receive_proposal(Proposal.decode(message.proposal), message.block)
        else:
            assert isinstance(message, BlockWanted)


def deliver(validators: list[Validator]) -> None:
    """Hand over everything said until nobody has more to say."""
    while any(validator.said for validator in validators):
        for speaker in validators:
            said, speaker.said = speaker.said, []
            for message in said:
                for hearer in validators:
                    if hearer is not speaker and not hearer.deaf:
                        hearer.hear(message)


async def run_until(validators: list[Validator], height: int) -> None:
    async with asyncio.timeout(10):
        while min(validator.store.height for validator in validators if not validator.deaf) < height:
            deliver(validators)
            await asyncio.sleep(0.002)


@pytest.fixture
def homes(tmp_path: Path) -> list[Home]:
    nodes = init_devnet(tmp_path / "net", NAMES, APP_STATE, "salus-test", 1000)
    return [Home(node.home) for node in nodes]


def booted(homes: list[Home]) -> list[Validator]:
    validators = [Validator(home) for home in homes]
    for validator in validators:
        validator.boot()
    return validators


async def test_first_block_is_made_for_the_genesis_app_hash_then_silence(homes: list[Home]) -> None:
    validators = booted(homes)
    await run_until(validators, 1)
    await asyncio.sleep(0.3)
    deliver(validators)
    assert {validator.store.height for validator in validators} == {1}
    assert len({validator.executor.state.last_block_id for validator in validators}) == 1


async def test_crash_after_any_log_entry_replays_to_the_same_block_without_a_second_vote(
    homes: list[Home], tmp_path: Path
) -> None:
    validators = booted(homes)
    await run_until(validators, 1)
    for validator in validators:
        validator.host.stop()
        validator.wal.close()
    entries = [payload for _, payload in RecordLog(homes[0].wal).records()]
    assert len(entries) > 8
    for kept in range(len(entries)):
        crashed = tmp_path / f"crash{kept}"
        shutil.copytree(homes[0].folder, crashed)
        home = Home(crashed)
        home.wal.write_bytes(b"".join(frame(entry) for entry in entries[:kept]))
        home.blocks.unlink()
        again = Validator(home)
        again.boot()
        others = validators[1:]
        for other in others:
            for message in other.host.material_for(0):
                again.hear(message)
        tip = others[0].store.tip
        assert tip is not None
        if again.store.height == 0:
            again.host.receive_committed(tip.block, Commit.decode(tip.commit))
        assert again.executor.state.last_block_id == others[0].executor.state.last_block_id
        for message in again.said:
            if isinstance(message, Votes):
                for encoded in message.votes:
                    same_as_before(Vote.decode(encoded), entries)
        again.host.stop()


def same_as_before(vote: Vote, entries: list[bytes]) -> None:
    """A vote said again after a crash is one that was cast before it, bit for bit, or for a later place."""
    cast = [entry for entry in entries if vote.signature in entry]
    assert cast or vote.round > 0 or vote.height > 1


async def test_what_led_to_a_vote_is_on_disk_before_the_guard_signs_it(
    homes: list[Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guard ahead of its log would refuse, after a crash, whatever the shorter log leads to."""
    unsynced: dict[Path, bool] = {}
    signed = 0
    append, sync, write = Wal.append, Wal.sync, GuardFile.write

    def appending(wal: Wal, *entry: object) -> None:
        append(wal, *entry)
        unsynced[wal._path.parent] = True

    def syncing(wal: Wal) -> None:
        sync(wal)
        unsynced[wal._path.parent] = False

    def writing(guard: GuardFile, record: SignRecord) -> None:
        nonlocal signed
        signed += 1
        assert not unsynced[guard._path.parent]
        write(guard, record)

    monkeypatch.setattr(Wal, "append", appending)
    monkeypatch.setattr(Wal, "sync", syncing)
    monkeypatch.setattr(GuardFile, "write", writing)
    await run_until(booted(homes), 1)
    assert signed >= 9


async def test_lost_messages_are_made_good_by_asking(homes: list[Home]) -> None:
    validators = booted(homes)
    late = validators[3]
    late.deaf = True
    await run_until(validators, 1)
    late.deaf = False
    tip = validators[0].store.tip
    assert tip is not None
    if late.store.height == 0:
        late.host.receive_committed(tip.block, Commit.decode(tip.commit))
    assert late.store.height == 1


async def test_committed_block_without_two_thirds_is_refused(homes: list[Home]) -> None:
    validators = booted(homes)
    validators[3].deaf = True
    await run_until(validators, 1)
    tip = validators[0].store.tip
    assert tip is not None
    commit = Commit.decode(tip.commit)
    thin = replace(commit, signatures=(*commit.signatures[:2], ABSENT, ABSENT))
    with pytest.raises(BlockInvalid, match="commit"):
        validators[3].host.receive_committed(tip.block, thin)
    swapped = replace(commit, signatures=tuple(reversed(commit.signatures)))
    with pytest.raises(BlockInvalid, match="commit"):
        validators[3].host.receive_committed(tip.block, swapped)
    assert validators[3].store.height == 0


async def test_block_other_than_the_proposed_one_is_the_peers_fault(homes: list[Home]) -> None:
    validators = booted(homes)
    async with asyncio.timeout(5):
        while not any(isinstance(m, ProposedBlock) for v in validators for m in v.said):
            await asyncio.sleep(0.002)
    speaker = next(v for v in validators if any(isinstance(m, ProposedBlock) for m in v.said))
    message = next(m for m in speaker.said if isinstance(m, ProposedBlock))
    hearer = next(v for v in validators if v is not speaker)
    block = Block.decode(message.block)
    other = replace(block, header=replace(block.header, app_hash=b"\1" * 32)).encode()
    with pytest.raises(PeerMisbehaved, match="proposal"):
        hearer.hear(ProposedBlock(message.proposal, other))
