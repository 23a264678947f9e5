"""Transactions of peers before their check: bounded, in order, and never in the way of a vote."""

import asyncio
from collections.abc import Callable, Sequence

from ledger.node import intake
from ledger.node.errors import MempoolRefused
from ledger.node.intake import SLICE, Intake


def nobody(code: int) -> None:
    raise AssertionError(f"nothing is refused here, but {code}")


def taking(seen: list[bytes]) -> Callable[[Sequence[bytes]], list[bool | MempoolRefused]]:
    """A pool that takes everything in."""

    def add_all(wires: Sequence[bytes]) -> list[bool | MempoolRefused]:
        seen.extend(wires)
        return [True] * len(wires)

    return add_all


async def test_everything_is_checked_in_order_and_told_once_a_slice() -> None:
    seen: list[bytes] = []
    told: list[int] = []
    queue = Intake(taking(seen), lambda: told.append(len(seen)))
    txs = [b"%d" % number for number in range(3 * SLICE)]
    queue.put(txs[:1], nobody)
    queue.put(txs[1:], nobody)
    while len(queue):
        await asyncio.sleep(0)
    assert seen == txs
    assert told == [SLICE, 2 * SLICE, 3 * SLICE]


async def test_a_vote_that_comes_meanwhile_waits_for_one_slice_at_most() -> None:
    seen: list[bytes] = []
    queue = Intake(taking(seen), lambda: None)
    queue.put([b"%d" % number for number in range(100 * SLICE)], nobody)
    at_vote: list[int] = []
    asyncio.get_running_loop().call_soon(lambda: at_vote.append(len(seen)))
    while len(queue):
        await asyncio.sleep(0)
    assert at_vote[0] <= SLICE


async def test_refused_ones_are_told_to_whoever_sent_them() -> None:
    told: list[bool] = []

    def add_all(wires: Sequence[bytes]) -> list[bool | MempoolRefused]:
        busy = MempoolRefused(1001, "busy", False)
        return [busy if wire == b"bad" else wire == b"new" for wire in wires]

    queue = Intake(add_all, lambda: told.append(True))
    codes: list[int] = []
    queue.put([b"bad", b"known"], codes.append)
    await asyncio.sleep(0)
    assert not told
    queue.put([b"bad", b"new"], codes.append)
    await asyncio.sleep(0)
    assert told == [True]
    assert codes == [1001, 1001]


async def test_a_flood_is_let_go_at_the_bounds_and_the_queue_recovers() -> None:
    seen: list[bytes] = []
    queue = Intake(taking(seen), lambda: None)
    queue.put([b"x"] * (intake.MAX_WAITING + 7), nobody)
    assert (len(queue), queue.dropped) == (intake.MAX_WAITING, 7)
    while len(queue):
        await asyncio.sleep(0)
    queue.put([bytes(intake.MAX_BYTES), b"y"], nobody)
    assert queue.dropped == 8
    while len(queue):
        await asyncio.sleep(0)
    for _ in range(3):
        queue.put([bytes(intake.MAX_BYTES)], nobody)
        while len(queue):
            await asyncio.sleep(0)
    assert queue.dropped == 8
    queue.put([b"z"], nobody)
    while len(queue):
        await asyncio.sleep(0)
    assert seen[-1] == b"z"
