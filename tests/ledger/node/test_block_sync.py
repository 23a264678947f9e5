"""Whom a lagging node asks for blocks: one at a time, never for ever, and never in vain."""

import asyncio
from dataclasses import dataclass, field

from ledger.node.block_sync import ANSWER_S, BlockSync


@dataclass(eq=False)
class Ahead:
    """A peer that says it is at `height`."""

    height: int
    base: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[int] = field(default_factory=list)


class Lagging:
    """A node at height 10 among these peers."""

    def __init__(self, *peers: Ahead) -> None:
        self.height, self.now_s, self.peers = 10, 0.0, list(peers)
        self.sync = BlockSync(
            lambda: self.height,
            lambda: self.peers,  # type: ignore[arg-type, return-value]
            lambda peer, wanted: peer.asked.append(wanted.height),  # type: ignore[attr-defined]
            lambda: self.now_s,
        )


def test_one_peer_is_asked_and_the_next_request_waits_for_its_answer() -> None:
    one, other = Ahead(50), Ahead(60)
    node = Lagging(one, other)
    for _ in range(5):
        node.sync.go_on()
    assert (one.asked, other.asked) == ([], [11])
    assert node.sync.awaits(other)  # type: ignore[arg-type]
    assert not node.sync.awaits(one)  # type: ignore[arg-type]
    node.height = 60
    node.sync.answered(other)  # type: ignore[arg-type]
    node.sync.go_on()
    assert (one.asked, other.asked) == ([], [11])


def test_peer_that_promises_and_sends_nothing_is_passed_over() -> None:
    liar, honest = Ahead(10**9), Ahead(20)
    node = Lagging(liar, honest)
    node.sync.go_on()
    node.now_s = ANSWER_S + 0.1
    node.sync.go_on()
    assert (liar.asked, honest.asked) == ([11], [11])


def test_who_sends_block_after_block_has_time_for_each() -> None:
    slow, other = Ahead(100), Ahead(50)
    node = Lagging(slow, other)
    node.sync.go_on()
    for _ in range(10):
        node.now_s += 0.9 * ANSWER_S
        assert node.sync.awaits(slow)  # type: ignore[arg-type]
        node.sync.go_on()
    assert (slow.asked, other.asked) == ([11], [])


def test_peer_that_vanishes_is_replaced_at_once() -> None:
    one, other = Ahead(60), Ahead(50)
    node = Lagging(one, other)
    node.sync.go_on()
    one.closed.set()
    node.peers.remove(one)
    node.sync.go_on()
    assert other.asked == [11]


def test_who_has_pruned_is_not_asked_and_stranded_is_who_finds_only_such() -> None:
    pruned, archive = Ahead(90), Ahead(80)
    node = Lagging(pruned, archive)
    node.sync.go_on()
    pruned.base = 40
    node.sync.answered(pruned)  # type: ignore[arg-type]
    assert not node.sync.stranded
    node.sync.go_on()
    assert (pruned.asked, archive.asked) == ([11], [11])
    archive.base = 12
    assert node.sync.stranded
    archive.base = 11
    assert not node.sync.stranded


def test_nobody_ahead_is_not_stranded() -> None:
    assert not Lagging(Ahead(10, base=8), Ahead(3)).sync.stranded
    assert not Lagging().sync.stranded
