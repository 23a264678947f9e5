"""A node with an empty home takes a snapshot over instead of all blocks; and what others answer it."""

import asyncio
from collections.abc import Callable, Iterator

from ledger.machine.snapshot import SnapshotError
from ledger.node import messages
from ledger.node.executor import Executor
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
from ledger.node.peers import Mesh, Peer
from ledger.node.state_sync import StateSync
from ledger.types.block import Block, Commit
from ledger.types.genesis import Genesis
from ledger.types.validators import ValidatorSet


class Newcomer:
    """Runs state sync once, when an empty node learns that it is far behind; `done` is called at its end."""

    def __init__(
        self, genesis: Genesis, executor: Executor, mesh: Mesh, beyond: int, done: Callable[[], None]
    ) -> None:
        self._executor = executor
        self._beyond = beyond
        self._done = done
        self._task: asyncio.Task[None] | None = None
        self._sync = StateSync(genesis, lambda: list(mesh.peers.values()), _send, _drop)

    def takes_over(self, height: int) -> bool:
        """A peer is at `height`: whether a snapshot is being taken over, so that we ask for no blocks."""
        empty = not self._executor.state.height
        if self._task is None and empty and 0 < self._beyond < height:
            log("state_sync", peer_height=height)
            self._task = asyncio.get_running_loop().create_task(self._run())
        return self._task is not None and not self._task.done()

    def heard(self, peer: Peer, message: SnapshotOffered | Chunk | LightBlockHeld) -> None:
        """A peer's answer."""
        self._sync.heard(peer, message)

    def stop(self) -> None:
        """Give up."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while (synced := await self._sync.run()) is not None:
            if self._executor.state.height:
                break
            try:
                self._executor.adopt(synced)
                log("state_synced", height=synced.header.height, app_hash=synced.after.app_hash[:8])
                break
            except SnapshotError as error:
                self._sync.refuse(synced, str(error))
        else:
            log("state_sync_failed", why="no peer offers a snapshot that can be verified", next="all blocks")
        asyncio.get_running_loop().call_soon(self._done)


def answers(
    wanted: SnapshotsWanted | ChunkWanted | LightBlockWanted, executor: Executor, seen: Commit
) -> Iterator[Message]:
    """What we hold of what a newcomer asks for. `seen` is the commit of our last block."""
    if isinstance(wanted, LightBlockWanted):
        yield from _light_block(wanted.height, executor, seen)
    elif executor.shelf is None:
        return
    elif isinstance(wanted, SnapshotsWanted):
        for offer in executor.shelf.offers:
            if offer.height < executor.store.height and len(offer.chunks) <= messages.MAX_CHUNKS:
                yield SnapshotOffered(offer.height, offer.app_hash, offer.chunks)
    elif (data := executor.shelf.chunk(wanted.height, wanted.index)) is not None:
        yield Chunk(wanted.height, wanted.index, data)


def _light_block(height: int, executor: Executor, seen: Commit) -> Iterator[Message]:
    stored, after = executor.store.load(height), executor.store.load(height + 1)
    if stored is None:
        return
    commit = seen if after is None else Block.decode(after.block).last_commit
    sets = (_members(executor.validators_at(height + more)) for more in range(2))
    yield LightBlockHeld(height, Block.decode(stored.block).header.encode(), commit.encode(), *sets)


def _members(validators: ValidatorSet) -> tuple[tuple[bytes, int], ...]:
    return tuple((one.public_key, one.power) for one in validators.validators)


def _send(peer: Peer, message: Message) -> None:
    peer.send(messages.encode(message))


def _drop(peer: Peer, why: str) -> None:
    log("peer_dropped", peer=peer.moniker, why=why)
    peer.close()
