"""The mesh over real TLS sockets, on asyncio's loop and on uvloop's, which validators run on.

Strangers, liars and flooders lose their connection; nobody else does.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.node import connection, messages, peers
from ledger.node.devnet import DevnetNode, init_devnet
from ledger.node.errors import PeerMisbehaved
from ledger.node.home import Home
from ledger.node.messages import Status, Votes
from ledger.node.peers import MAX_FRAME, Mesh, Peer
from tests.free_ports import free_ports
from tests.ledger.node.app_state import APP_STATE


class Party:
    """A mesh that keeps what it hears."""

    def __init__(self, node: DevnetNode) -> None:
        home = Home(node.home)
        self.node = node
        self.heard: list[messages.Message] = []
        self.mesh = Mesh(
            home.certificate,
            home.tls_key,
            ("127.0.0.1", node.p2p_port),
            home.peers(),
            self._on_message,
            lambda peer: None,
        )

    def _on_message(self, peer: Peer, frame: bytes) -> None:
        self.heard.append(messages.decode(frame))


async def until(condition: object, within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


@pytest.fixture
async def parties(tmp_path: Path) -> AsyncIterator[tuple[Party, Party]]:
    nodes = init_devnet(
        tmp_path / "net", ["riverside", "north-lake"], APP_STATE, "salus-test", free_ports(20)
    )
    pair = (Party(nodes[0]), Party(nodes[1]))
    for party in pair:
        await party.mesh.start()
    await until(lambda: all(party.mesh.peers for party in pair))
    yield pair
    for party in pair:
        await party.mesh.stop()


async def stranger(home: Home, port: int, trusted: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cafile=trusted)
    context.load_cert_chain(home.certificate, home.tls_key)
    return await asyncio.open_connection("127.0.0.1", port, ssl=context)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the other side hangs up on us."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        async with asyncio.timeout(5):
            return await reader.read(1) == b""
    return True


async def test_messages_arrive_in_order_both_ways(parties: tuple[Party, Party]) -> None:
    one, other = parties
    for height in range(50):
        one.mesh.broadcast(messages.encode(Status(height, 0, False)))
        other.mesh.broadcast(messages.encode(Status(height + 100, 0, True)))
    await until(lambda: len(one.heard) == len(other.heard) == 50)
    assert other.heard == [Status(height, 0, False) for height in range(50)]
    assert one.heard == [Status(height + 100, 0, True) for height in range(50)]


async def test_strangers_certificate_is_refused(parties: tuple[Party, Party], tmp_path: Path) -> None:
    one, _ = parties
    (mallory,) = init_devnet(tmp_path / "mallory", ["mallory"], APP_STATE, "salus-test", free_ports(10))
    trusted = Home(one.node.home).certificate
    before = dict(one.mesh.peers)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        reader, writer = await stranger(Home(mallory.home), one.node.p2p_port, trusted)
        writer.write(b"\0\0\0\x05hello")
        assert await closed(reader)
    assert one.mesh.peers == before
    assert one.heard == []


async def test_certificate_that_copies_a_peers_name_is_refused(
    parties: tuple[Party, Party], tmp_path: Path
) -> None:
    one, other = parties
    (mallory,) = init_devnet(
        tmp_path / "mallory", [other.node.moniker], APP_STATE, "salus-test", free_ports(10)
    )
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        reader, _ = await stranger(Home(mallory.home), one.node.p2p_port, Home(one.node.home).certificate)
        assert await closed(reader)
    assert one.heard == []


async def test_peer_that_is_no_longer_a_member_is_cut_off_and_let_in_again(
    parties: tuple[Party, Party],
) -> None:
    one, other = parties
    (address,) = (peer.address for peer in one.mesh.peers.values())
    one.mesh.admit(())
    await until(lambda: not one.mesh.peers)
    await asyncio.sleep(0.3)
    assert not one.mesh.peers
    one.mesh.admit((address,))
    await until(lambda: bool(one.mesh.peers) and bool(other.mesh.peers))
    other.mesh.broadcast(messages.encode(Status(7, 0, False)))
    await until(lambda: one.heard == [Status(7, 0, False)])


async def test_certificate_that_cannot_be_read_keeps_its_owner_out_and_nobody_else(
    parties: tuple[Party, Party],
) -> None:
    one, _ = parties
    (address,) = (peer.address for peer in one.mesh.peers.values())
    one.mesh.admit((address, replace(address, certificate=b"no certificate")))
    await asyncio.sleep(0.1)
    assert [peer.address for peer in one.mesh.peers.values()] == [address]


@pytest.mark.parametrize(
    "frame",
    [
        (MAX_FRAME + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\0\0\0\x03\xc1\xc1\xc1",
        b"\0\0\0\x01\x90",
    ],
    ids=["too long", "longest", "empty", "not msgpack", "no kind"],
)
async def test_malformed_frame_drops_the_peer_who_reconnects(
    parties: tuple[Party, Party], frame: bytes
) -> None:
    one, other = parties
    (before,) = one.mesh.peers.values()
    (towards_one,) = other.mesh.peers.values()
    towards_one.connection.send(frame)
    await until(lambda: before not in one.mesh.peers.values())
    await until(lambda: bool(one.mesh.peers) and bool(other.mesh.peers))
    other.mesh.broadcast(messages.encode(Status(7, 0, False)))
    await until(lambda: one.heard == [Status(7, 0, False)])


async def test_half_a_frame_then_silence_is_no_message(parties: tuple[Party, Party]) -> None:
    one, other = parties
    (towards_one,) = other.mesh.peers.values()
    towards_one.connection.send(b"\0\0\x01\0half")
    await asyncio.sleep(0.05)
    towards_one.close()
    await until(lambda: bool(one.mesh.peers) and bool(other.mesh.peers))
    assert one.heard == []


async def test_frames_of_every_size_arrive_whole_however_they_are_cut(parties: tuple[Party, Party]) -> None:
    one, other = parties
    (towards_one,) = other.mesh.peers.values()
    sizes = [0, 1, 200, 65_536, 1, 400_000, 3_900_000, 0, 70_000, 262_140, 5]
    said = [messages.BlockHeld(height, bytes([height]) * size) for height, size in enumerate(sizes)]
    stream = b"".join(connection.framed(messages.encode(one)) for one in said)
    at = 0
    for piece in (1, 3, 4, 5, 1_000, 65_535, len(stream)):
        towards_one.connection.send(stream[at : at + piece])
        at += piece
        await asyncio.sleep(0.005)
    await until(lambda: len(one.heard) == len(said))
    assert one.heard == said
    assert towards_one.sent_bytes == len(stream)
    (towards_other,) = one.mesh.peers.values()
    assert towards_other.received_bytes == len(stream)


async def test_bytes_are_counted_both_ways(parties: tuple[Party, Party]) -> None:
    one, other = parties
    frame = messages.encode(Status(7, 0, False))
    for _ in range(10):
        one.mesh.broadcast(frame)
    await until(lambda: len(other.heard) == 10)
    (sender,), (receiver,) = one.mesh.peers.values(), other.mesh.peers.values()
    assert sender.sent_bytes == receiver.received_bytes == 10 * (4 + len(frame))
    assert sender.received_bytes == receiver.sent_bytes == 0


async def test_peer_that_reads_nothing_is_dropped_before_its_queue_takes_our_memory(
    parties: tuple[Party, Party],
) -> None:
    one, other = parties
    (deaf,) = other.mesh.peers.values()
    assert deaf.connection.transport is not None
    deaf.connection.transport.pause_reading()
    (towards_deaf,) = one.mesh.peers.values()
    most = 0
    for _ in range(200):
        towards_deaf.send(bytes(1_000_000))
        most = max(most, towards_deaf.connection.queued_bytes)
        await asyncio.sleep(0)
    await until(towards_deaf.closed.is_set)
    assert MAX_FRAME < most <= peers.MAX_QUEUED


async def test_rested_peer_is_not_read_for_a_while_and_loses_nothing(parties: tuple[Party, Party]) -> None:
    one, other = parties
    (towards_other,) = one.mesh.peers.values()
    towards_other.rest(0.3)
    for height in range(100):
        other.mesh.broadcast(messages.encode(Status(height, 0, False)))
    await asyncio.sleep(0.1)
    assert one.heard == []
    await until(lambda: len(one.heard) == 100)


async def test_byte_now_and_then_is_silence(parties: tuple[Party, Party]) -> None:
    """A peer that keeps a frame unfinished is as dead as one that says nothing."""
    one, other = parties
    (before,) = one.mesh.peers.values()
    (towards_one,) = other.mesh.peers.values()
    before.connection._silence_s = 0.2
    before.connection._check_silence()
    towards_one.connection.send(b"\0\0\x01\0")
    while not before.closed.is_set():
        towards_one.connection.send(b"x")
        await asyncio.sleep(0.05)
    assert towards_one.sent_bytes < 100


async def test_peer_that_misbehaves_again_and_again_stays_out_longer_each_time(
    parties: tuple[Party, Party],
) -> None:
    one, other = parties
    loop = asyncio.get_running_loop()
    pauses = []
    for _ in range(4):
        await until(lambda: bool(one.mesh.peers) and bool(other.mesh.peers))
        (before,) = one.mesh.peers.values()
        next(iter(other.mesh.peers.values())).connection.send(b"\xff\xff\xff\xff")
        await until(before.closed.is_set)
        began = loop.time()
        await until(lambda: bool(one.mesh.peers))
        pauses.append(loop.time() - began)
    # the clock starts when the test has noticed that the connection closed, which may be late
    assert all(pause >= 0.08 * 2**times for times, pause in enumerate(pauses))


async def test_removed_peers_certificate_no_longer_passes_the_handshake(parties: tuple[Party, Party]) -> None:
    one, other = parties
    one.mesh.admit(())
    await until(lambda: not one.mesh.peers)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        reader, writer = await stranger(
            Home(other.node.home), one.node.p2p_port, Home(one.node.home).certificate
        )
        writer.write(connection.framed(messages.encode(Status(9, 0, False))))
        assert await closed(reader)
    assert one.heard == []
    assert not one.mesh.peers


async def test_half_open_and_slow_handshakes_end_and_keep_no_member_out(
    parties: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "HANDSHAKE_S", 2.0)
    one, other = parties
    silent = []
    for number in range(90):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", one.node.p2p_port, local_addr=(f"127.0.0.{2 + number % 8}", 0)
        )
        writer.write(b"\x16\x03\x01\x02\0"[: number % 6])  # a ClientHello that never goes on
        silent.append((reader, writer))
    await until(lambda: len(one.mesh._strangers) > 30)
    (member,) = one.mesh.peers.values()
    member.close()
    await until(member.closed.is_set)
    await until(lambda: bool(one.mesh.peers) and bool(other.mesh.peers))
    await until(lambda: len(one.mesh._strangers) == 0)
    for reader, _ in silent:
        assert await closed(reader)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x93\xa6Status\x01",
        messages.encode(Status(1, 0, False))[:-1],
        messages.encode(Status(1, 0, False)) + b"\0",
        messages.encode(Votes((b"x" * 1025,))),
        b"\x94\xa6Status\xff\x00\xc2",
        b"\x91" * 10_000,
    ],
)
def test_what_is_not_a_message_is_the_peers_fault(frame: bytes) -> None:
    with pytest.raises(PeerMisbehaved):
        messages.decode(frame)
