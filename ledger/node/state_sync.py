"""State sync: a newcomer takes over the state of a ledger instead of executing all of it.

Rules
- Peers offer snapshots; nothing that they say is believed. The header after a snapshot's height is verified
  by the light client, and the state's root must be its app hash.
- The light client begins at the header that the operator names, if one does; else at our own last block; else
  at the genesis. With many changes of validators since, and the blocks of then pruned everywhere, there may
  be no way from the genesis: then the operator has to name one.
- Each chunk must have the digest that the offer names. Who sends another is dropped, and so is who offered
  what turns out not to be the state; the next peer, or the next offer, takes its place.
- Of offers for the same height the one that most peers make goes first.
- A peer that vanishes, or does not answer in time, is asked no more in this attempt.
- Chunks are kept on disk as they come: who is killed on the way goes on where it was.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.light.errors import HeaderRefused
from ledger.light.path import skipping
from ledger.light.verdict import LightBlock, Options, TrustedState
from ledger.light.verifier import verify_block, verify_commit
from ledger.node.chunk_stash import ChunkStash
from ledger.node.errors import PeerMisbehaved
from ledger.node.log import log
from ledger.node.messages import (
    Chunk,
    ChunkWanted,
    LightBlockHeld,
    LightBlockWanted,
    Message,
    SnapshotOffered,
    SnapshotsWanted,
)
from ledger.node.peers import Peer
from ledger.types.block import Commit, Header
from ledger.types.genesis import Genesis
from ledger.types.validators import Validator, ValidatorSet

ANSWER_S = 5.0
OFFERS_S = 1.0
_LOOKS = 10
OFFERS_PER_PEER = 8
ATTEMPTS = 5
AT_ONCE = 4
_OPTIONS = Options(100 * 366 * 24 * 3600 * 1_000_000_000, clock_drift_ns=600 * 1_000_000_000)

Answer = LightBlockHeld | Chunk


@dataclass(frozen=True, slots=True)
class Synced:
    """A whole state in chunks, not yet hashed, and what was verified around it.

    `header` and `commit` are of its height, `after` is the header that follows and names its root.
    """

    snapshot: tuple[bytes, ...]
    header: Header
    commit: Commit
    after: Header
    offer: SnapshotOffered
    peers: tuple[Peer, ...]


@dataclass(slots=True)
class StateSync:
    """One newcomer's attempts. `send(peer, message)`, `peers()` and `drop(peer, why)` reach the mesh."""

    genesis: Genesis
    peers: Callable[[], list[Peer]]
    send: Callable[[Peer, Message], None]
    drop: Callable[[Peer, str], None]
    stash: ChunkStash | None = None
    named: tuple[int, bytes] | None = None
    """Height and hash of the header that the operator trusts."""
    clock_ns: Callable[[], int] = time.time_ns
    _offers: dict[SnapshotOffered, list[Peer]] = field(default_factory=dict)
    _refused: set[SnapshotOffered] = field(default_factory=set)
    _waiting: dict[tuple[bytes, type, int, int], asyncio.Future[Answer]] = field(default_factory=dict)

    def heard(self, peer: Peer, message: SnapshotOffered | Answer) -> None:
        """A peer's answer; what nobody asked for is passed over."""
        if isinstance(message, SnapshotOffered):
            if peer in self._offers.get(message, ()):
                return
            if sum(peer in offering for offering in self._offers.values()) < OFFERS_PER_PEER:
                self._offers.setdefault(message, []).append(peer)
            return
        index = message.index if isinstance(message, Chunk) else 0
        waiting = self._waiting.get((peer.address.certificate, type(message), message.height, index))
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def refuse(self, synced: Synced, why: str) -> None:
        """The chunks were as offered, but they are not the state: never take this offer again."""
        self._refused.add(synced.offer)
        for peer in synced.peers:
            self.drop(peer, why)

    def finished(self) -> None:
        """The state was taken over."""
        if self.stash is not None:
            self.stash.clear()

    async def run(self, own: TrustedState | None = None) -> Synced | None:
        """A state later than our `own` block; None when nobody offers one that can be verified."""
        above = max(own.header.height if own else 0, self.named[0] if self.named else 0)
        for _attempt in range(ATTEMPTS):
            await self._gather_offers()
            for offer in self._best_first():
                if offer in self._refused or offer.height <= above:
                    continue
                synced = await self._take(offer, self._offers[offer], own)
                if synced is not None:
                    return synced
        return None

    async def _gather_offers(self) -> None:
        """Ask whoever is connected, and whoever connects meanwhile."""
        self._offers.clear()
        asked: list[Peer] = []
        for _ in range(_LOOKS):
            for peer in self.peers():
                if peer not in asked:
                    asked.append(peer)
                    self.send(peer, SnapshotsWanted())
            await asyncio.sleep(OFFERS_S / _LOOKS)

    def _best_first(self) -> list[SnapshotOffered]:
        return sorted(self._offers, key=lambda one: (one.height, len(self._offers[one])), reverse=True)

    async def _take(
        self, offer: SnapshotOffered, peers: list[Peer], own: TrustedState | None
    ) -> Synced | None:
        for peer in list(peers):
            try:
                after = await self._verified(peer, offer.height + 1, own)
                if after.header.app_hash != offer.app_hash:
                    raise PeerMisbehaved("a snapshot of the verified state", "one of another")
                before = await self._linked(peer, after.header)
                snapshot = await self._chunks(offer, peers)
            except (PeerMisbehaved, HeaderRefused, ValueError) as error:
                self.drop(peer, str(error))
                peers.remove(peer)
            except TimeoutError:
                peers.remove(peer)
            else:
                if snapshot is not None:
                    return Synced(snapshot, before.header, before.commit, after.header, offer, tuple(peers))
        return None

    async def _verified(self, peer: Peer, height: int, own: TrustedState | None) -> LightBlock:
        """The peer's block of `height`, verified from what we trust."""
        target = await self._light_block(peer, height)
        way = skipping(await self._root(peer, own), target, _OPTIONS, self.clock_ns())
        try:
            wanted = next(way)
            while True:
                wanted = way.send(await self._light_block(peer, wanted))
        except StopIteration:
            return target

    async def _root(self, peer: Peer, own: TrustedState | None) -> TrustedState:
        if self.named is None:
            return own or TrustedState.of_genesis(self.genesis)
        height, trusted_hash = self.named
        block = await self._light_block(peer, height)
        if block.header.hash != trusted_hash or not verify_block(block).ok:
            raise PeerMisbehaved(f"the header {trusted_hash.hex()} of height {height}", "another")
        return TrustedState.of(block)

    async def _linked(self, peer: Peer, after: Header) -> LightBlock:
        """The block that `after`, which is verified, names as the one before it."""
        block = await self._light_block(peer, after.height - 1)
        if block.header.hash != after.last_block_id.hash or not verify_block(block).ok:
            raise PeerMisbehaved(f"block {after.height - 1} as its successor names it", "another")
        named = after.last_block_id
        if not verify_commit(block.commit, block.validators, after.chain_id, block.height, named).ok:
            raise PeerMisbehaved(f"the commit of block {block.height}", "one of another block")
        return block

    async def _light_block(self, peer: Peer, height: int) -> LightBlock:
        answer = await self._ask(peer, LightBlockWanted(height), LightBlockHeld, height)
        assert isinstance(answer, LightBlockHeld)
        block = LightBlock(
            Header.decode(answer.header),
            Commit.decode(answer.commit),
            _set(answer.validators),
            _set(answer.next_validators),
        )
        if block.height != height:
            raise PeerMisbehaved(f"a header of height {height}", f"one of {block.height}")
        return block

    async def _chunks(self, offer: SnapshotOffered, peers: list[Peer]) -> tuple[bytes, ...] | None:
        """All chunks from whoever offers the same; None when nobody is left that sends one of them."""
        kept = 0 if self.stash is None else self.stash.begin(offer.chunks)
        log("chunks_wanted", height=offer.height, chunks=len(offer.chunks), kept=kept)
        got: list[bytes | None] = []
        for first in range(0, len(offer.chunks), AT_ONCE):
            indices = range(first, min(first + AT_ONCE, len(offer.chunks)))
            got += await asyncio.gather(*(self._chunk(offer, index, peers) for index in indices))
        found = tuple(chunk for chunk in got if chunk is not None)
        return found if len(found) == len(offer.chunks) else None

    async def _chunk(self, offer: SnapshotOffered, index: int, peers: list[Peer]) -> bytes | None:
        if self.stash is not None and (kept := self.stash.get(offer.chunks[index])) is not None:
            return kept
        while peers:
            peer = peers[index % len(peers)]
            try:
                answer = await self._ask(peer, ChunkWanted(offer.height, index), Chunk, offer.height, index)
            except TimeoutError:
                _without(peers, peer)
                continue
            assert isinstance(answer, Chunk)
            if hashlib.sha256(answer.data).digest() == offer.chunks[index]:
                if self.stash is not None:
                    self.stash.put(answer.data)
                return answer.data
            log("chunk_refused", height=offer.height, index=index, peer=peer.moniker)
            self.drop(peer, f"chunk {index} of snapshot {offer.height} is not the one that it offered")
            _without(peers, peer)
        return None

    async def _ask(self, peer: Peer, message: Message, kind: type, height: int, index: int = 0) -> Answer:
        key = (peer.address.certificate, kind, height, index)
        future = self._waiting[key] = asyncio.get_running_loop().create_future()
        gone = asyncio.ensure_future(peer.closed.wait())
        self.send(peer, message)
        try:
            await asyncio.wait((future, gone), timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise TimeoutError(f"{peer.moniker} did not answer")
            return future.result()
        finally:
            gone.cancel()
            self._waiting.pop(key, None)


def _set(members: tuple[tuple[bytes, int], ...]) -> ValidatorSet:
    return ValidatorSet.of(Validator.of(public_key, power) for public_key, power in members)


def _without(peers: list[Peer], peer: Peer) -> None:
    if peer in peers:
        peers.remove(peer)
