"""Catching up block by block: whom to ask for the next committed blocks, and for how long.

Rules
- One peer is asked at a time; what others send is not looked at. Each block is verified by its commit, so a
  peer can keep us waiting, but not deceive us.
- A peer that brings no block within `ANSWER_S`, or vanishes, is passed over for the next one that is ahead.
- Pruned blocks are no peer's fault: it says where its blocks begin. When nobody who is ahead still has our
  next block, `stranded` is true, and only a snapshot helps.
"""

import time
from collections.abc import Callable, Iterable

from ledger.node.messages import CommittedWanted
from ledger.node.peers import Peer

ANSWER_S = 3.0


class BlockSync:
    """The one request that is under way. `height()` is that of our last block; `send(peer, message)`."""

    def __init__(
        self,
        height: Callable[[], int],
        peers: Callable[[], Iterable[Peer]],
        send: Callable[[Peer, CommittedWanted], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._height = height
        self._peers = peers
        self._send = send
        self._clock_s = clock_s
        self._asked: Peer | None = None
        self._until_s = 0.0
        self._slow: Peer | None = None

    @property
    def stranded(self) -> bool:
        """Whether somebody is ahead, and everybody who is has pruned the block that we need next."""
        ahead = self._ahead()
        return bool(ahead) and not any(self._has_next(peer) for peer in ahead)

    def go_on(self) -> None:
        """Ask for blocks if somebody has them and nobody is being waited for."""
        if self._is_waiting():
            return
        ahead = [peer for peer in self._ahead() if self._has_next(peer)]
        fresh = [peer for peer in ahead if peer is not self._slow] or ahead
        self._asked = max(fresh, key=lambda peer: peer.height, default=None)
        if self._asked is not None:
            self._until_s = self._clock_s() + ANSWER_S
            self._send(self._asked, CommittedWanted(self._height() + 1))

    def awaits(self, peer: Peer) -> bool:
        """Whether a committed block of this peer is one that we asked for; then it gets time for the next."""
        if peer is not self._asked:
            return False
        self._until_s = self._clock_s() + ANSWER_S
        return True

    def answered(self, peer: Peer) -> None:
        """The peer has sent all that it sends for one request."""
        if peer is self._asked:
            self._asked = self._slow = None

    def _is_waiting(self) -> bool:
        asked = self._asked
        if asked is None or asked.closed.is_set():
            return False
        if self._clock_s() < self._until_s:
            return True
        self._slow = asked
        return False

    def _ahead(self) -> list[Peer]:
        return [peer for peer in self._peers() if peer.height > self._height()]

    def _has_next(self, peer: Peer) -> bool:
        return peer.base <= self._height() + 1
