"""A node that is far behind takes a snapshot over instead of all blocks; and what others answer it.

Rules
- An empty node that is more than `beyond` blocks behind takes a snapshot over; so does one that prunes its
  blocks anyway. A node that keeps all blocks asks for all of them as long as anybody still has them.
- Who needs a block that everybody has pruned takes a snapshot over, however near it is.
- `beyond` = 0: it never does.
- When no snapshot can be had, blocks are tried again, and after `RETRY_S` snapshots.
"""

import asyncio
from collections.abc import Callable, Iterator

from ledger.light.verdict import TrustedState
from ledger.machine.snapshot import SnapshotError
from ledger.node import messages
from ledger.node.chunk_stash import ChunkStash
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

RETRY_S = 5.0


class Newcomer:
    """Runs state sync when this node learns that it is too far behind; `done` is called at its end."""

    def __init__(
        self,
        genesis: Genesis,
        executor: Executor,
        mesh: Mesh,
        beyond: int,
        done: Callable[[bool], None],
        stash: ChunkStash | None = None,
        prunes: bool = False,
        named: tuple[int, bytes] | None = None,
    ) -> None:
        """`done(adopted)`: whether a state was taken over. `prunes`: this node does not keep all blocks.
        `named`: height and hash of the header that the operator trusts."""
        self._executor = executor
        self._beyond = beyond
        self._prunes = prunes
        self._done = done
        self._task: asyncio.Task[None] | None = None
        self._not_before_s = 0.0
        self._sync = StateSync(genesis, lambda: list(mesh.peers.values()), _send, _drop, stash, named)

    def takes_over(self, height: int, stranded: bool = False) -> bool:
        """A peer is at `height`: whether a snapshot is being taken over, so that we ask for no blocks.

        `stranded`: nobody has the block that we need next.
        """
        if self._task is not None and not self._task.done():
            return True
        own = self._executor.state.height
        far = height - own > self._beyond and (not own or self._prunes)
        now_s = asyncio.get_running_loop().time()
        if not self._beyond or not (far or stranded) or now_s < self._not_before_s:
            return False
        log("state_sync", height=own, peer_height=height, stranded=stranded)
        self._task = asyncio.get_running_loop().create_task(self._run())
        return True

    def heard(self, peer: Peer, message: SnapshotOffered | Chunk | LightBlockHeld) -> None:
        """A peer's answer."""
        self._sync.heard(peer, message)

    def stop(self) -> None:
        """Give up."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        adopted = False
        while (synced := await self._sync.run(self._own())) is not None:
            if self._executor.state.height >= synced.header.height:
                break  # blocks brought us further meanwhile
            try:
                self._executor.adopt(synced)
            except SnapshotError as error:
                self._sync.refuse(synced, str(error))
                continue
            self._sync.finished()
            adopted = True
            log("state_synced", height=synced.header.height, app_hash=synced.after.app_hash[:8])
            break
        else:
            log("state_sync_failed", why="no peer offers a snapshot that can be verified", next="blocks")
            self._not_before_s = loop.time() + RETRY_S
        loop.call_soon(self._done, adopted)

    def _own(self) -> TrustedState | None:
        """Our own last block and the validators of the next height."""
        tip = self._executor.store.tip
        if tip is None:
            return None
        return TrustedState(Block.decode(tip.block).header, self._executor.state.validators)


def answers(
    wanted: SnapshotsWanted | ChunkWanted | LightBlockWanted, executor: Executor, seen: Commit
) -> Iterator[Message]:
    """What we hold of what a newcomer asks for. `seen` is the commit of our last block."""
    if isinstance(wanted, LightBlockWanted):
        yield from _light_block(wanted.height, executor, seen)
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
    peer.blame(why)
