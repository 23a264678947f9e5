"""Taking a snapshot over from peers of whom some lie, without sockets; pruning; limits."""

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ledger.light.verdict import TrustedState
from ledger.machine.snapshot import SnapshotError
from ledger.node import snapshot_shelf, state_sync
from ledger.node.chunk_stash import ChunkStash
from ledger.node.errors import NodeError
from ledger.node.messages import (
    Chunk,
    ChunkWanted,
    LightBlockHeld,
    LightBlockWanted,
    Message,
    SnapshotOffered,
)
from ledger.node.newcomer import answers
from ledger.node.peers import PeerAddress
from ledger.node.priorities import set_at, turned
from ledger.node.snapshot_shelf import CHUNK_BYTES, SnapshotShelf
from ledger.node.state_sync import StateSync, Synced
from ledger.types.block import Block
from ledger.types.validators import Validator, ValidatorSet
from tests.ledger.machine.cast import NOON
from tests.ledger.node.chain_maker import SEEDS, Maker, genesis_of, people

EVERY = 10
Twist = Callable[[Message], Message | None]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    made = Maker(tmp_path_factory.mktemp("source"), snapshot_every=EVERY)
    made.extend(2 * EVERY + 3, people)
    return made


@dataclass(eq=False)
class FakePeer:
    """A peer that answers from a ledger, through a twist."""

    moniker: str
    maker: Maker
    twist: Twist = lambda message: message
    dropped: list[str] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[Message] = field(default_factory=list)

    @property
    def chunks_asked(self) -> int:
        return sum(isinstance(message, ChunkWanted) for message in self.asked)

    @property
    def address(self) -> PeerAddress:
        return PeerAddress(self.moniker, "127.0.0.1", 1, self.moniker.encode())


def syncing(
    *peers: FakePeer, stash: ChunkStash | None = None, named: tuple[int, bytes] | None = None
) -> StateSync:
    """State sync among these peers, who answer at once."""

    def send(peer: Any, message: Any) -> None:
        if peer.dropped or peer.closed.is_set():
            return
        peer.asked.append(message)
        for answer in answers(message, peer.maker.executor, peer.maker.last_commit):
            if (said := peer.twist(answer)) is not None:
                sync.heard(peer, said)  # type: ignore[arg-type]

    def drop(peer: Any, why: str) -> None:
        peer.dropped.append(why)

    now = (NOON + 3_600_000) * 1_000_000
    sync = StateSync(
        genesis_of(),
        lambda: [one for one in peers if not one.dropped and not one.closed.is_set()],
        send,
        drop,
        stash,
        named,
        clock_ns=lambda: now,
    )
    return sync


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_sync, "OFFERS_S", 0.01)
    monkeypatch.setattr(state_sync, "ANSWER_S", 0.1)


async def test_newcomer_has_the_same_state_sets_and_turns_as_who_executed_everything(
    source: Maker, tmp_path: Path
) -> None:
    synced = await syncing(FakePeer("riverside", source)).run()
    assert synced is not None
    assert synced.header.height == 2 * EVERY
    fresh = Maker(tmp_path / "fresh")
    fresh.executor.adopt(synced)
    reference = Maker(tmp_path / "reference")
    reference.extend(2 * EVERY, people)
    assert fresh.executor.state == reference.executor.state
    assert fresh.executor.app.info() == reference.executor.app.info()


async def test_block_after_the_snapshot_is_made_and_judged_alike(source: Maker, tmp_path: Path) -> None:
    synced = await syncing(FakePeer("riverside", source)).run()
    assert synced is not None
    fresh = Maker(tmp_path / "fresh")
    fresh.executor.adopt(synced)
    for height in range(2 * EVERY + 1, 2 * EVERY + 4):
        stored = source.executor.store.load(height)
        assert stored is not None
        block = Block.decode(stored.block)
        assert fresh.executor.judge(block) is None
        fresh.extend(1, people)
    assert fresh.executor.state == source.executor.state
    fresh.executor.store.close()
    fresh.boot()
    assert fresh.executor.state == source.executor.state
    assert fresh.executor.store.base == 2 * EVERY + 1


async def test_wrong_chunk_is_refused_its_sender_dropped_and_another_asked(source: Maker) -> None:
    def corrupt(message: Message) -> Message:
        return replace_data(message, bytes(10)) if isinstance(message, Chunk) else message

    mallory, honest = FakePeer("mallory", source, corrupt), FakePeer("riverside", source)
    synced = await syncing(mallory, honest).run()
    assert synced is not None
    assert "chunk 0" in mallory.dropped[0]
    assert not honest.dropped


def replace_data(message: Chunk, data: bytes) -> Chunk:
    return Chunk(message.height, message.index, data)


async def test_offer_of_another_state_is_refused_by_the_verified_header(source: Maker) -> None:
    def other_root(message: Message) -> Message:
        if isinstance(message, SnapshotOffered):
            return SnapshotOffered(message.height, bytes(32), message.chunks)
        return message

    mallory = FakePeer("mallory", source, other_root)
    assert await syncing(mallory).run() is None
    assert mallory.dropped


async def test_chunks_as_offered_that_are_not_the_state_are_refused_whole(
    source: Maker, tmp_path: Path
) -> None:
    forged = bytes(100)

    def lie(message: Message) -> Message:
        if isinstance(message, SnapshotOffered):
            return SnapshotOffered(message.height, message.app_hash, (hashlib.sha256(forged).digest(),))
        return replace_data(message, forged) if isinstance(message, Chunk) else message

    mallory, honest = FakePeer("mallory", source, lie), FakePeer("riverside", source)
    sync = syncing(mallory, honest)
    fresh = Maker(tmp_path / "fresh")
    first = await sync.run()
    assert first is not None
    if first.offer.chunks == (hashlib.sha256(forged).digest(),):
        with pytest.raises(SnapshotError):
            fresh.executor.adopt(first)
        assert fresh.executor.state.height == 0
        sync.refuse(first, "not the state")
        first = await sync.run()
        assert first is not None
    fresh.executor.adopt(first)
    assert fresh.executor.state.height == 2 * EVERY


async def test_header_without_two_thirds_convinces_nobody(source: Maker) -> None:
    def thin(message: Message) -> Message:
        if isinstance(message, LightBlockHeld):
            return LightBlockHeld(
                message.height,
                message.header,
                message.commit[:-70],
                message.validators,
                message.next_validators,
            )
        return message

    mallory = FakePeer("mallory", source, thin)
    assert await syncing(mallory).run() is None
    assert mallory.dropped


async def test_set_of_strangers_is_not_believed(source: Maker) -> None:
    def strangers(message: Message) -> Message:
        if isinstance(message, LightBlockHeld):
            members = ((bytes(31) + b"\1", 10),)
            return LightBlockHeld(message.height, message.header, message.commit, members, members)
        return message

    mallory = FakePeer("mallory", source, strangers)
    assert await syncing(mallory).run() is None
    assert mallory.dropped


async def test_silent_peer_costs_time_and_is_passed_over(source: Maker) -> None:
    silent = FakePeer("silent", source, lambda one: one if isinstance(one, SnapshotOffered) else None)
    synced = await syncing(silent, FakePeer("riverside", source)).run()
    assert isinstance(synced, Synced)
    assert not silent.dropped


@pytest.fixture
def chunky(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Maker:
    """A ledger whose snapshots have many chunks."""
    monkeypatch.setattr(snapshot_shelf, "CHUNK_BYTES", 1_000)
    made = Maker(tmp_path / "chunky", snapshot_every=EVERY)
    made.extend(2 * EVERY + 3, people)
    assert len(made.executor.shelf.offers[0].chunks) > 12
    return made


def adopts(synced: Synced | None, folder: Path, source: Maker) -> bool:
    """Whether a fresh node takes this state over and then stands where the source stood."""
    assert synced is not None
    fresh = Maker(folder)
    fresh.executor.adopt(synced)
    header = Block.decode(source.executor.store.load(synced.header.height + 1).block).header  # type: ignore[union-attr]
    return fresh.executor.state.app_hash == header.app_hash


def chunk_lies() -> dict[str, Twist]:
    def over(twist: Callable[[Chunk], Message | None]) -> Twist:
        return lambda message: twist(message) if isinstance(message, Chunk) else message

    return {
        "wrong": over(lambda chunk: replace_data(chunk, bytes(len(chunk.data)))),
        "one bit": over(lambda chunk: replace_data(chunk, bytes([chunk.data[0] ^ 1]) + chunk.data[1:])),
        "truncated": over(lambda chunk: replace_data(chunk, chunk.data[:-1])),
        "longer": over(lambda chunk: replace_data(chunk, chunk.data + b"x")),
        "empty": over(lambda chunk: replace_data(chunk, b"")),
        "of another height": over(lambda chunk: Chunk(chunk.height - EVERY, chunk.index, chunk.data)),
        "of another place": over(lambda chunk: Chunk(chunk.height, chunk.index + 1, chunk.data)),
        "nothing": over(lambda chunk: None),
    }


@pytest.mark.parametrize("lie", chunk_lies())
async def test_liar_about_chunks_is_found_out_and_the_state_is_whole(
    chunky: Maker, tmp_path: Path, lie: str
) -> None:
    mallory, honest = FakePeer("mallory", chunky, chunk_lies()[lie]), FakePeer("riverside", chunky)
    synced = await syncing(mallory, honest).run()
    assert adopts(synced, tmp_path / "fresh", chunky)
    assert mallory.chunks_asked <= state_sync.AT_ONCE
    assert not honest.dropped


@pytest.mark.parametrize("lie", chunk_lies())
async def test_liars_alone_convince_nobody(chunky: Maker, lie: str) -> None:
    assert await syncing(FakePeer("mallory", chunky, chunk_lies()[lie])).run() is None


async def test_chunks_twice_and_out_of_order_do_no_harm(chunky: Maker, tmp_path: Path) -> None:
    sent: list[Message] = []
    peer = FakePeer("riverside", chunky)
    sync = syncing(peer)

    def again(message: Message) -> Message:
        if isinstance(message, Chunk):
            for earlier in sent[::-1]:
                sync.heard(peer, earlier)  # type: ignore[arg-type]
            sent.append(message)
        return message

    peer.twist = again
    assert adopts(await sync.run(), tmp_path / "fresh", chunky)


async def test_offer_that_most_peers_make_goes_before_a_liars(chunky: Maker, tmp_path: Path) -> None:
    def other_chunks(message: Message) -> Message:
        if isinstance(message, SnapshotOffered):
            return SnapshotOffered(message.height, message.app_hash, message.chunks[::-1])
        return message

    mallory = FakePeer("mallory", chunky, other_chunks)
    synced = await syncing(mallory, FakePeer("riverside", chunky), FakePeer("hillside", chunky)).run()
    assert mallory.chunks_asked == 0
    assert adopts(synced, tmp_path / "fresh", chunky)


async def test_peers_that_connect_while_offers_come_in_are_asked_too(
    chunky: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_sync, "OFFERS_S", 0.2)
    first, late = FakePeer("riverside", chunky), FakePeer("hillside", chunky)
    sync = syncing(first, late)
    came = [first]
    sync.peers = lambda: list(came)  # type: ignore[assignment, return-value]
    asyncio.get_running_loop().call_later(0.05, came.append, late)
    assert adopts(await sync.run(), tmp_path / "fresh", chunky)
    assert late.chunks_asked > 5


async def test_peer_that_vanishes_midway_is_replaced_without_waiting_for_it(
    chunky: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_sync, "ANSWER_S", 3600.0)

    def vanish(message: Message) -> Message | None:
        if isinstance(message, Chunk) and message.index > 4:
            vanishing.closed.set()
            return None
        return message

    vanishing = FakePeer("hillside", chunky, vanish)
    async with asyncio.timeout(5):
        synced = await syncing(vanishing, FakePeer("riverside", chunky)).run()
    assert adopts(synced, tmp_path / "fresh", chunky)
    assert not vanishing.dropped


async def test_newcomer_that_was_killed_goes_on_where_it_was(chunky: Maker, tmp_path: Path) -> None:
    first = FakePeer("riverside", chunky, lambda one: None if getattr(one, "index", 0) > 7 else one)
    task = asyncio.create_task(syncing(first, stash=ChunkStash(tmp_path / "incoming")).run())
    async with asyncio.timeout(5):
        while first.chunks_asked <= 8:
            await asyncio.sleep(0)
    task.cancel()
    kept = list((tmp_path / "incoming").iterdir())
    assert len(kept) == 8
    kept[0].write_bytes(kept[0].read_bytes()[:100])  # a write that the crash cut short
    (tmp_path / "incoming" / ("00" * 32)).write_bytes(b"of a snapshot of long ago")

    second = FakePeer("hillside", chunky)
    sync = syncing(second, stash=ChunkStash(tmp_path / "incoming"))
    synced = await sync.run()
    assert adopts(synced, tmp_path / "fresh", chunky)
    assert synced is not None
    assert second.chunks_asked == len(synced.offer.chunks) - 7
    sync.finished()
    assert not (tmp_path / "incoming").exists()


def own_block(maker: Maker, height: int) -> TrustedState:
    """What a node trusts whose last block is this one."""
    stored = maker.executor.store.load(height)
    assert stored is not None
    return TrustedState(Block.decode(stored.block).header, maker.executor.validators_at(height + 1))


async def test_header_that_the_operator_names_is_where_verification_begins(
    source: Maker, tmp_path: Path
) -> None:
    named = own_block(source, EVERY).header
    peer = FakePeer("riverside", source)
    synced = await syncing(peer, named=(EVERY, named.hash)).run()
    assert adopts(synced, tmp_path / "fresh", source)
    assert LightBlockWanted(EVERY) in peer.asked


async def test_peer_on_another_fork_than_the_operator_named_convinces_nobody(source: Maker) -> None:
    mallory = FakePeer("mallory", source)
    assert await syncing(mallory, named=(EVERY, bytes(32))).run() is None
    assert "the header 0000" in mallory.dropped[0]


async def test_snapshot_that_is_no_later_than_the_own_state_is_not_taken(source: Maker) -> None:
    assert await syncing(FakePeer("riverside", source)).run(own_block(source, 2 * EVERY)) is None


async def test_node_with_old_blocks_takes_a_later_state_over_and_starts_from_it_again(
    source: Maker, tmp_path: Path
) -> None:
    lagging = Maker(tmp_path / "lagging")
    lagging.extend(5, people)
    synced = await syncing(FakePeer("riverside", source)).run(own_block(lagging, 5))
    assert synced is not None
    lagging.executor.adopt(synced)
    assert lagging.executor.store.load(5) is None
    assert lagging.executor.store.base == 2 * EVERY + 1
    lagging.extend(3, people)
    assert lagging.executor.state == source.executor.state
    lagging.executor.store.close()
    lagging.boot()
    assert lagging.executor.state == source.executor.state


def test_state_with_another_height_than_its_header_is_refused(source: Maker, tmp_path: Path) -> None:
    chunks = (source.executor.shelf.chunk(EVERY, 0) or b"",)
    first, second = (Block.decode(source.executor.store.load(EVERY + at).block).header for at in (0, 1))  # type: ignore[union-attr]
    offer = SnapshotOffered(EVERY, second.app_hash, (bytes(32),))
    lying = Synced(chunks, replace(first, height=EVERY - 1), source.last_commit, second, offer, ())
    with pytest.raises(SnapshotError, match="height"):
        Maker(tmp_path / "fresh").executor.adopt(lying)


def test_shelf_keeps_the_newest_two_and_survives_a_restart(source: Maker, tmp_path: Path) -> None:
    shelf = SnapshotShelf(tmp_path / "shelf")
    state = source.executor.state
    for height in (10, 20, 30):
        shelf.write(replace(state, height=height), [bytes(CHUNK_BYTES), b"end"], offered=True)
    for one in (shelf, SnapshotShelf(tmp_path / "shelf")):
        assert [offer.height for offer in one.offers] == [30, 20]
        assert one.chunk(30, 1) == b"end"
        assert one.chunk(30, 2) is None
        assert one.chunk(10, 0) is None


def test_pruning_keeps_what_evidence_snapshots_and_the_operator_need(tmp_path: Path) -> None:
    pruned = Maker(tmp_path / "pruned", snapshot_every=EVERY, retain_blocks=3)
    pruned.extend(3 * EVERY + 2)
    store = pruned.executor.store
    assert store.base == 2 * EVERY
    assert store.load(2 * EVERY - 1) is None
    assert store.load(2 * EVERY) is not None
    assert pruned.executor.header_time_ns(1) is None
    store.close()
    pruned.boot()
    assert pruned.executor.store.base == 2 * EVERY
    pruned.extend(1)
    assert pruned.executor.state.height == 3 * EVERY + 3


def test_blocks_young_enough_for_evidence_are_never_pruned(tmp_path: Path) -> None:
    kept = Maker(tmp_path / "kept", snapshot_every=2, retain_blocks=1)
    kept.extend(6)
    assert kept.executor.store.base == 1


def test_pruned_store_without_its_state_asks_for_a_sync_instead_of_guessing(tmp_path: Path) -> None:
    pruned = Maker(tmp_path / "pruned", snapshot_every=EVERY, retain_blocks=3)
    pruned.extend(3 * EVERY)
    pruned.executor.store.close()
    shutil.rmtree(tmp_path / "pruned" / "snapshots")
    with pytest.raises(NodeError, match="takes a snapshot over"):
        pruned.boot()


def test_turns_by_period_are_turns_one_by_one() -> None:
    start = ValidatorSet.of(Validator.of(key, power) for key, power in zip(SEEDS, (1, 3, 5, 7), strict=True))
    slow = start
    for turns in range(60):
        assert turned(start, turns) == slow
        slow = slow.advanced(1)
    assert turned(start, 10**9) == turned(start, 10**9 % 16 + 16 * 10)


def test_sets_follow_from_genesis_and_changes_alone() -> None:
    keys = list(SEEDS)
    before, after = dict.fromkeys(keys[:3], 10), {keys[0]: 10, keys[2]: 4, keys[3]: 9}
    genesis = ValidatorSet.of(Validator.of(key, 10) for key in keys[:3])
    slow = genesis
    for height in range(2, 40):
        if height == 20:
            changes = ((keys[1], 0), (keys[2], 4), (keys[3], 9))
            slow = slow.updated(Validator.of(*change) for change in changes)
        slow = slow.advanced(1)
        found = set_at(genesis, (20,), lambda at: before if at < 20 else after, height)
        assert found == slow
