"""The mesh of validators: one mutually authenticated TLS 1.3 connection per pair.

Rules
- A node trusts exactly the certificates pinned in its home or agreed on by the ledger, byte for byte; there
  is no authority behind them. `admit` replaces the list while it runs: who is no longer in it is cut off.
- Of two nodes the one whose certificate hashes lower dials; it redials with growing, jittered pauses.
- A frame that is too long or does not decode, or a message that the host finds malformed (PeerMisbehaved),
  drops that connection and nothing else; who does it again and again is kept out for longer and longer.
- What waits to be sent to a peer is bounded. A peer that does not drain it is dropped: it catches up when it
  is back, while a queue without end would take us down with it.
- A connection that brings no whole frame for `SILENCE_S` is dead: hosts send a status at least every third
  of that.
- Who has not shown a pinned certificate yet gets one of few places, for `HANDSHAKE_S` at most (`strangers`).
"""

import asyncio
import contextlib
import hashlib
import random
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ledger.node.connection import MAX_FRAME, SILENCE_S, Connection, framed
from ledger.node.errors import PeerMisbehaved
from ledger.node.limits import Conduct
from ledger.node.listener import Listener
from ledger.node.log import log
from ledger.node.strangers import Stranger, Strangers

MAX_QUEUED = 4 * MAX_FRAME
HANDSHAKE_S = 5.0
MAX_PAUSE_S = 0.5
SHORTEST_PAUSE_S = 0.05
__all__ = ["MAX_FRAME", "SILENCE_S", "Mesh", "Peer", "PeerAddress", "certificate_der"]


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Another validator: where it listens and the only certificate we accept from it (DER)."""

    moniker: str
    host: str
    port: int
    certificate: bytes
    validator: bytes = b""
    """The address of the key that it votes with; empty for a node that does not vote."""

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate."""
        return hashlib.sha256(self.certificate).digest()


def certificate_der(pem: str) -> bytes:
    """The DER form of a PEM certificate. Raises ValueError."""
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


class Peer:
    """One live connection to a validator."""

    def __init__(self, address: PeerAddress, connection: Connection, conduct: Conduct) -> None:
        self.address = address
        self.connection = connection
        self.conduct = conduct
        """What it may still say and ask; outlives the connection."""
        self.height = 0
        """The latest block that it says it has."""
        self.base = 0
        """The first block that it says it still has; 0 as long as it did not say."""

    @property
    def moniker(self) -> str:
        return self.address.moniker

    @property
    def sent_bytes(self) -> int:
        """Bytes of frames queued for it on this connection."""
        return self.connection.sent_bytes

    @property
    def received_bytes(self) -> int:
        """Bytes of frames that came from it on this connection."""
        return self.connection.received_bytes

    @property
    def closed(self) -> asyncio.Event:
        """Set once the connection is gone."""
        return self.connection.closed

    def send(self, message: bytes) -> None:
        """Queue one message; a peer whose queue is full is dropped. Never blocks, never raises."""
        self.send_frame(framed(message))

    def send_frame(self, frame: bytes) -> None:
        """Queue one message that is framed already."""
        if self.connection.is_closing:
            return
        if self.connection.queued_bytes + len(frame) > MAX_QUEUED:
            self.connection.close(TimeoutError("it does not read what we send"))
            return
        self.connection.send(frame)

    def rest(self, seconds: float) -> None:
        """Read nothing from it for a while."""
        self.connection.rest(seconds)

    def blame(self, why: str) -> None:
        """End the connection: it sent what no honest peer sends."""
        self.connection.close(PeerMisbehaved("what an honest peer sends", why))

    def close(self) -> None:
        """End the connection at once."""
        self.connection.close()


class Mesh:
    """Keeps a connection to every other validator.

    `on_message(peer, message)` is called for each message in order and raises PeerMisbehaved for one that
    no honest peer sends; `on_up(peer)` after a connection was made.
    """

    def __init__(
        self,
        own_certificate: Path,
        own_key: Path,
        listen: tuple[str, int],
        peers: tuple[PeerAddress, ...],
        on_message: Callable[[Peer, bytes], None],
        on_up: Callable[[Peer], None],
    ) -> None:
        self.fingerprint = hashlib.sha256(certificate_der(own_certificate.read_text())).digest()
        self._own = own_certificate, own_key
        self._on_message = on_message
        self._on_up = on_up
        self._wanted: dict[bytes, PeerAddress] = {}
        self._addresses: dict[bytes, PeerAddress] = {}
        self._conduct: dict[bytes, Conduct] = {}
        self._trust({peer.certificate: peer for peer in peers})
        self._strangers = Strangers(lambda host: any(one.host == host for one in self._addresses.values()))
        self._listener = Listener(*listen, self._knocked)
        self._listens = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialling: dict[PeerAddress, asyncio.Task[None]] = {}
        self.peers: dict[bytes, Peer] = {}
        """Live connections by the peer's certificate."""

    async def start(self) -> None:
        """Listen and begin to dial."""
        await self._listener.start()
        self._listens = True
        self._dial_all()

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        self._listens = False
        await self._listener.stop()
        for task in self._tasks:
            task.cancel()
        for peer in list(self.peers.values()):
            peer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def admit(self, peers: Iterable[PeerAddress]) -> None:
        """From now on exactly these are our peers: others are cut off, new ones dialled or let in."""
        wanted = {peer.certificate: peer for peer in peers}
        if wanted == self._wanted:
            return
        self._trust(wanted)
        for certificate, peer in list(self.peers.items()):
            if (address := self._addresses.get(certificate)) is None:
                log("peer_dropped", peer=peer.moniker, why="it is no longer a member")
                peer.close()
            else:
                peer.address = address
        if self._listens:
            self._dial_all()

    def reaches(self, validator: bytes) -> bool:
        """Whether the validator with this address is connected."""
        return any(peer.address.validator == validator for peer in self.peers.values())

    def dials(self, address: PeerAddress) -> bool:
        """Whether we, not the peer, make the connection."""
        return self.fingerprint < address.fingerprint

    def broadcast(self, message: bytes) -> None:
        """Send to every live peer."""
        frame = framed(message)
        for peer in list(self.peers.values()):
            peer.send_frame(frame)

    # --- whom we trust ------------------------------------------------------------------------

    def _trust(self, wanted: dict[bytes, PeerAddress]) -> None:
        """New TLS contexts that know exactly these: what was agreed with the old ones cannot be resumed."""
        self._wanted = wanted
        self._addresses = {certificate: peer for certificate, peer in wanted.items() if _is_readable(peer)}
        self._conduct = {one: self._conduct.get(one) or Conduct() for one in self._addresses}
        self._server_tls = _tls(ssl.PROTOCOL_TLS_SERVER, *self._own, self._addresses)
        self._client_tls = _tls(ssl.PROTOCOL_TLS_CLIENT, *self._own, self._addresses)

    def _identified(self, connection: Connection) -> PeerAddress | None:
        """Which pinned peer this is: the handshake proved that it holds the certificate's key."""
        assert connection.transport is not None
        tls = connection.transport.get_extra_info("ssl_object")
        presented = tls.getpeercert(binary_form=True) if tls is not None else None
        address = self._addresses.get(presented or b"")
        if address is None or self._conduct[address.certificate].is_barred(_now_s()):
            return None
        return address

    # --- connections --------------------------------------------------------------------------

    def _dial_all(self) -> None:
        """Dial whom we should and do not; stop dialling whom we should not."""
        wanted = {address for address in self._addresses.values() if self.dials(address)}
        for address in set(self._dialling) - wanted:
            self._dialling.pop(address).cancel()
        for address in wanted - set(self._dialling):
            self._dialling[address] = self._spawn(self._keep_dialling(address))

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep_dialling(self, address: PeerAddress) -> None:
        pause = SHORTEST_PAUSE_S
        while True:
            if (peer := self.peers.get(address.certificate)) is not None:
                await peer.closed.wait()  # a connection from before its address changed
            elif await self._dial(address):
                pause = SHORTEST_PAUSE_S
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            pause = min(2 * pause, MAX_PAUSE_S)

    async def _dial(self, address: PeerAddress) -> bool:
        """Connect and stay until it ends; returns whether the peer ever said anything."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._made), address.host, address.port, ssl=self._client_tls
                )
        except (OSError, TimeoutError, UnicodeError):
            return False
        await connection.closed.wait()
        return connection.frames > 0

    def _knocked(self, sock: socket.socket, host: str) -> bool:
        """Somebody connected; returns whether there is a place for a handshake."""
        stranger = self._strangers.enter(host, lambda: _hang_up(sock), _now_s())
        if stranger is not None:
            self._spawn(self._shake_hands(stranger, sock))
        return stranger is not None

    async def _shake_hands(self, stranger: Stranger, sock: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self._made),
                sock,
                ssl=self._server_tls,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except (OSError, TimeoutError):
            _hang_up(sock)
        finally:
            self._strangers.leave(stranger)

    def _made(self, connection: Connection) -> None:
        """A handshake is done: begin with the peer, or hang up."""
        address = self._identified(connection)
        if address is None:
            connection.close()
            return
        peer = Peer(address, connection, self._conduct[address.certificate])
        if (before := self.peers.get(address.certificate)) is not None:
            before.close()
        self.peers[address.certificate] = peer
        connection.on_frame = lambda message: self._on_message(peer, message)
        connection.on_lost = lambda why: self._lost(peer, why)
        self._on_up(peer)

    def _lost(self, peer: Peer, why: BaseException | None) -> None:
        if isinstance(why, PeerMisbehaved):
            log("peer_dropped", peer=peer.moniker, why=str(why))
            peer.conduct.misbehaved(_now_s())
        elif why is None or isinstance(why, OSError | EOFError | TimeoutError):
            counts = {"sent": peer.sent_bytes, "received": peer.received_bytes}
            log("peer_gone", peer=peer.moniker, why=str(why or "closed"), **counts)
        else:  # a fault of ours that this peer brought out: it must not end the mesh, nor come at once again
            log("peer_dropped", peer=peer.moniker, why=f"our fault: {type(why).__name__}: {why}")
            peer.conduct.misbehaved(_now_s())
        if self.peers.get(peer.address.certificate) is peer:
            del self.peers[peer.address.certificate]


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be gone already
        sock.shutdown(socket.SHUT_RDWR)


def _is_readable(peer: PeerAddress) -> bool:
    """A certificate that cannot be read keeps its owner out, not us."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=peer.certificate)
    except (ssl.SSLError, ValueError) as error:
        log("peer_refused", peer=peer.moniker, why=f"certificate: {error}")
        return False
    return True


def _tls(side: "ssl._SSLMethod", certificate: Path, key: Path, trusted: Iterable[bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    if side is ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0  # every connection shows its certificate again
    if certificates := b"".join(trusted):
        context.load_verify_locations(cadata=certificates)
    return context
