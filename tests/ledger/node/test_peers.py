"""The mesh over real TLS sockets: strangers, liars and flooders lose their connection."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.node import messages
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
    towards_one._writer.write(frame)
    await until(lambda: before not in one.mesh.peers.values())
    await until(lambda: bool(one.mesh.peers) and bool(other.mesh.peers))
    other.mesh.broadcast(messages.encode(Status(7, 0, False)))
    await until(lambda: one.heard == [Status(7, 0, False)])


async def test_half_a_frame_then_silence_is_no_message(parties: tuple[Party, Party]) -> None:
    one, other = parties
    (towards_one,) = other.mesh.peers.values()
    towards_one._writer.write(b"\0\0\x01\0half")
    await asyncio.sleep(0.05)
    towards_one.close()
    await until(lambda: bool(one.mesh.peers) and bool(other.mesh.peers))
    assert one.heard == []


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
