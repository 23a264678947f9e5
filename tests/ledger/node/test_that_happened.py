"""Failures that ended other people's chains, played against ours: lying heights, noise, connection floods."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.node import messages, state_sync
from ledger.node.devnet import DevnetNode, init_devnet
from ledger.node.errors import PeerMisbehaved
from ledger.node.home import Home
from ledger.node.messages import (
    BlockHeld,
    BlockWanted,
    Chunk,
    ChunkWanted,
    Committed,
    CommittedWanted,
    EvidenceHeld,
    LightBlockHeld,
    LightBlockWanted,
    Message,
    ProposedBlock,
    SnapshotOffered,
    SnapshotsWanted,
    Status,
    Transactions,
    Votes,
)
from ledger.node.node import Node
from ledger.node.peers import Peer
from tests.free_ports import free_ports
from tests.ledger.cluster.network import APP_STATE, CHAIN_ID, MONIKERS, Person

NOBODYS = 2**50


@dataclass
class Four:
    """Four whole nodes in one loop, connected by real TLS."""

    nodes: list[Node]
    homes: tuple[DevnetNode, ...]

    async def until(self, height: int) -> None:
        async with asyncio.timeout(20):
            while min(node.store.height for node in self.nodes) < height:
                await asyncio.sleep(0.01)

    async def commits(self, name: str) -> None:
        """A transaction given to the last node gets into a block everywhere."""
        height = max(node.store.height for node in self.nodes)
        self.nodes[-1].submit(Person(name).registers())
        await self.until(height + 1)

    def heard(self, message: Message) -> Peer:
        """Let the first node hear this from its first peer, as if it had come over the wire."""
        peer = next(iter(self.nodes[0].mesh.peers.values()))
        self.nodes[0]._received(peer, messages.encode(message))
        return peer


@pytest.fixture
async def four(tmp_path: Path) -> AsyncIterator[Four]:
    homes = init_devnet(tmp_path / "net", MONIKERS, APP_STATE, CHAIN_ID, free_ports(40))
    made = Four([Node(Home(one.home)) for one in homes], homes)
    for node in made.nodes:
        await node.start()
    await made.until(1)
    yield made
    for node in made.nodes:
        await node.stop()


# --- a sync peer that lies about its height ---------------------------------------------------


@pytest.mark.parametrize("height", [5, NOBODYS, 2**53])
async def test_a_peer_that_says_it_is_far_ahead_is_asked_and_not_waited_for(four: Four, height: int) -> None:
    peer = four.heard(Status(height, 0, False))
    assert peer.height == height
    await four.commits("somebody")
    async with asyncio.timeout(20):
        while four.nodes[0].store.height != four.nodes[1].store.height:
            await asyncio.sleep(0.01)


async def test_a_block_that_says_it_is_of_another_height_is_not_stored(four: Four) -> None:
    tip = four.nodes[1].store.load(1)
    assert tip is not None
    before = four.nodes[0].store.height
    for height in (before + 1, NOBODYS):
        four.heard(Committed(height, tip.block, tip.commit))
        four.heard(BlockHeld(height, tip.block))
    assert four.nodes[0].store.height == before
    await four.commits("somebody")


async def test_an_empty_node_told_of_a_height_that_nobody_has_comes_up_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is offered a snapshot of that height, gets nothing when it asks for it, and goes on with blocks."""
    monkeypatch.setattr(state_sync, "OFFERS_S", 0.05)
    monkeypatch.setattr(state_sync, "ANSWER_S", 0.1)
    homes = init_devnet(tmp_path / "net", MONIKERS, APP_STATE, CHAIN_ID, free_ports(40))
    others = [Node(Home(one.home)) for one in homes[1:]]
    for node in others:
        await node.start()
    net = Four(others, homes)
    await net.until(1)
    late = Node(Home(homes[0].home))
    receive = late._gossip.receive

    def lied_to(peer: Peer, frame: bytes) -> None:
        message = messages.decode(frame)
        if isinstance(message, Status) and peer.moniker == MONIKERS[1]:
            frame = messages.encode(Status(NOBODYS, message.round, message.asks))
            offer = SnapshotOffered(NOBODYS, bytes(32), (bytes(32),))
            asyncio.get_running_loop().call_soon(lambda: late._newcomer.heard(peer, offer))
        receive(peer, frame)

    monkeypatch.setattr(late._gossip, "receive", lied_to)
    await late.start()
    net.nodes = [late, *others]
    await net.until(others[0].store.height)
    await net.commits("somebody")
    for node in net.nodes:
        await node.stop()


# --- malformed input --------------------------------------------------------------------------

SAMPLES: list[Message] = [
    Status(1, 0, True),
    Transactions((b"x" * 50, b"")),
    ProposedBlock(b"\x08\x20" * 20, b"\x0a\x05hello" * 20),
    Votes((b"\x08\x01\x10\x02" * 10, b"")),
    BlockWanted(1, bytes(32)),
    BlockHeld(1, b"\x0a\x00" * 20),
    CommittedWanted(1),
    Committed(1, b"\x0a\x00" * 20, b"\x08\x01"),
    EvidenceHeld((b"\x0a\x00",)),
    SnapshotsWanted(),
    SnapshotOffered(1, bytes(32), (bytes(32),)),
    ChunkWanted(1, 0),
    Chunk(1, 0, b"data"),
    LightBlockWanted(1),
    LightBlockHeld(1, b"\x0a\x00", b"\x08\x01", ((bytes(32), 1),), ((bytes(32), 1),)),
]


def noise(chance: Random) -> bytes:
    """A frame of one of our kinds with some of its bytes altered, dropped or doubled."""
    frame = bytearray(messages.encode(chance.choice(SAMPLES)))
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(frame) or 1)
        piece = chance.choice([b"", bytes([chance.getrandbits(8)]), bytes(frame[at : at + 5]) * 2])
        frame[at : at + 1] = piece
    return bytes(frame)


async def test_no_noise_brings_out_anything_but_a_refusal(four: Four) -> None:
    """Whatever else it raised would be a fault of ours that a peer can bring out at will."""
    chance, refused = Random(11), 0
    node = four.nodes[0]
    peer: Any = next(iter(node.mesh.peers.values()))
    peer.conduct.admits = lambda message, size, now_s: True
    for _ in range(5_000):
        try:
            node._received(peer, noise(chance))
        except PeerMisbehaved:
            refused += 1
    assert 500 < refused < 5_000
    await four.commits("somebody")


# --- a flood of connections -------------------------------------------------------------------


async def test_strangers_that_connect_without_end_keep_nobody_from_voting(four: Four) -> None:
    """They open connections and say nothing, or nonsense; none of them becomes a peer."""
    port, peers = four.homes[0].p2p_port, dict(four.nodes[0].mesh.peers)
    writers: list[asyncio.StreamWriter] = []

    async def knock(number: int) -> None:
        with contextlib.suppress(OSError):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            if number % 2:
                writer.write(b"GET / HTTP/1.1\r\n\r\n")

    for start in range(0, 300, 50):
        await asyncio.gather(*(knock(number) for number in range(start, start + 50)))
        await four.commits(f"somebody {start}")
    assert four.nodes[0].mesh.peers == peers
    for writer in writers:
        writer.close()
    await four.commits("somebody at last")
