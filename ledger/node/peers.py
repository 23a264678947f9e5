"""The mesh of validators: one mutually authenticated TLS 1.3 connection per pair.

Rules
- A node trusts exactly the certificates pinned in its home or agreed on by the ledger, byte for byte; there
  is no authority behind them. `admit` replaces the list while it runs: who is no longer in it is cut off.
- Of two nodes the one whose certificate hashes lower dials; it redials with growing, jittered pauses.
- A frame is `length (4, big-endian) ‖ message`. A frame that is too long or does not decode, or a message
  that the host finds malformed (PeerMisbehaved), drops that connection and nothing else.
- What waits to be sent to a peer is bounded. A peer that does not drain it is dropped: it catches up when it
  is back, while a queue without end would take us down with it.
- A connection that is silent for `SILENCE_S` is dead: hosts send a status at least every third of that.
"""

import asyncio
import hashlib
import random
import ssl
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ledger.node.errors import PeerMisbehaved
from ledger.node.limits import Allowance
from ledger.node.log import log

MAX_FRAME = 8 * 1024 * 1024
MAX_QUEUED = 4 * MAX_FRAME
SILENCE_S = 30.0
HANDSHAKE_S = 5.0
MAX_PAUSE_S = 0.5
MAX_STRANGERS = 32
REQUESTS_PER_S = 100.0
REQUEST_BURST = 200


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

    def __init__(
        self, address: PeerAddress, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.address = address
        self._reader = reader
        self._writer = writer
        self.height = 0
        """The latest block that it says it has."""
        self.sent_bytes = self.received_bytes = 0
        self.requests = Allowance(REQUESTS_PER_S, REQUEST_BURST)
        """What it may still ask of us: blocks, chunks and light blocks alike."""

    @property
    def moniker(self) -> str:
        return self.address.moniker

    def send(self, message: bytes) -> None:
        """Queue one message; a peer whose queue is full is dropped. Never blocks, never raises."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() + len(message) > MAX_QUEUED:
            log("peer_dropped", peer=self.moniker, why="it does not read what we send")
            transport.abort()
            return
        self.sent_bytes += 4 + len(message)
        self._writer.write(len(message).to_bytes(4, "big") + message)

    async def receive(self) -> bytes:
        """The next message. Raises PeerMisbehaved, TimeoutError, EOFError, OSError."""
        async with asyncio.timeout(SILENCE_S):
            length = int.from_bytes(await self._reader.readexactly(4), "big")
            if not 0 < length <= MAX_FRAME:
                raise PeerMisbehaved(f"a frame of 1 to {MAX_FRAME} bytes", f"one of {length}")
            self.received_bytes += 4 + length
            return await self._reader.readexactly(length)

    def close(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()


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
        self._listen = listen
        self._addresses = {peer.certificate: peer for peer in peers}
        self._wanted = self._addresses
        self._on_message = on_message
        self._on_up = on_up
        self._server_tls = _tls(ssl.PROTOCOL_TLS_SERVER, own_certificate, own_key, peers)
        self._client_tls = _tls(ssl.PROTOCOL_TLS_CLIENT, own_certificate, own_key, peers)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialling: dict[PeerAddress, asyncio.Task[None]] = {}
        self.peers: dict[bytes, Peer] = {}
        """Live connections by the peer's certificate."""

    async def start(self) -> None:
        """Listen and begin to dial."""
        host, port = self._listen
        self._server = await asyncio.start_server(
            self._accepted,
            host,
            port,
            ssl=self._server_tls,
            ssl_handshake_timeout=HANDSHAKE_S,
            backlog=MAX_STRANGERS,
        )
        self._dial_all()

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._server is not None:
            self._server.close()
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
        self._wanted = wanted
        new = [certificate for certificate in wanted if certificate not in self._addresses]
        self._addresses = {certificate: peer for certificate, peer in wanted.items() if self._pins(peer, new)}
        for certificate, peer in list(self.peers.items()):
            if certificate not in self._addresses:
                log("peer_dropped", peer=peer.moniker, why="it is no longer a member")
                peer.close()
        if self._server is not None:
            self._dial_all()

    def _pins(self, peer: PeerAddress, new: list[bytes]) -> bool:
        """Make TLS know a new certificate; one that cannot be read keeps its owner out, not us."""
        if peer.certificate not in new:
            return True
        try:
            for context in (self._server_tls, self._client_tls):
                context.load_verify_locations(cadata=peer.certificate)
        except (ssl.SSLError, ValueError) as error:
            log("peer_refused", peer=peer.moniker, why=f"certificate: {error}")
            return False
        return True

    def _dial_all(self) -> None:
        """Dial whom we should and do not; stop dialling whom we should not."""
        wanted = {address for address in self._addresses.values() if self.dials(address)}
        for address in set(self._dialling) - wanted:
            self._dialling.pop(address).cancel()
        for address in wanted - set(self._dialling):
            self._dialling[address] = self._spawn(self._keep_dialling(address))

    def reaches(self, validator: bytes) -> bool:
        """Whether the validator with this address is connected."""
        return any(peer.address.validator == validator for peer in self.peers.values())

    def dials(self, address: PeerAddress) -> bool:
        """Whether we, not the peer, make the connection."""
        return self.fingerprint < address.fingerprint

    def broadcast(self, message: bytes) -> None:
        """Send to every live peer."""
        for peer in self.peers.values():
            peer.send(message)

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep_dialling(self, address: PeerAddress) -> None:
        pause = 0.05
        while True:
            try:
                async with asyncio.timeout(HANDSHAKE_S):
                    reader, writer = await asyncio.open_connection(
                        address.host, address.port, ssl=self._client_tls
                    )
                if await self._serve(reader, writer):
                    pause = 0.05
            except (OSError, TimeoutError, UnicodeError):
                pass
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            pause = min(2 * pause, MAX_PAUSE_S)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Run one connection to its end; returns whether the peer ever said anything."""
        address = self._identified(writer)
        if address is None:
            writer.transport.abort()
            return False
        peer = Peer(address, reader, writer)
        if (before := self.peers.get(address.certificate)) is not None:
            before.close()
        self.peers[address.certificate] = peer
        spoke = False
        try:
            self._on_up(peer)
            while True:
                message = await peer.receive()
                spoke = True
                self._on_message(peer, message)
        except PeerMisbehaved as error:
            log("peer_dropped", peer=peer.moniker, why=str(error))
        except (OSError, EOFError, TimeoutError) as error:
            log("peer_gone", peer=peer.moniker, why=type(error).__name__)
        except Exception as error:  # a fault of ours that this peer brought out: it must not end the mesh
            log("peer_dropped", peer=peer.moniker, why=f"our fault: {type(error).__name__}: {error}")
        finally:
            peer.close()
            if self.peers.get(address.certificate) is peer:
                del self.peers[address.certificate]
        return spoke

    def _identified(self, writer: asyncio.StreamWriter) -> PeerAddress | None:
        """Which pinned peer this is: the handshake proved that it holds the certificate's key."""
        connection = writer.get_extra_info("ssl_object")
        presented = connection.getpeercert(binary_form=True) if connection is not None else None
        return self._addresses.get(presented or b"")


def _tls(
    side: "ssl._SSLMethod", certificate: Path, key: Path, peers: tuple[PeerAddress, ...]
) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    if peers:
        context.load_verify_locations(cadata=b"".join(peer.certificate for peer in peers))
    return context
