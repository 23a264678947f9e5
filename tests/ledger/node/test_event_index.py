"""The index of events names every block that holds a value, whatever was pruned, and costs little memory."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.machine.results import Event
from ledger.node import event_index
from ledger.node.block_store import BlockStore, StoredBlock
from ledger.node.event_index import EventIndex
from ledger.node.executor import ResultRecord
from ledger.types import proto
from ledger.types.ids import sha256


def stored(height: int, values: list[str]) -> StoredBlock:
    """A block with one transaction, and one event, for each value."""
    events = [Event("record_anchored", (("anchor", value), ("subject", "s"))) for value in values]
    results = tuple(ResultRecord(0, "", (event,)) for event in events)
    txs = tuple(f"{height}/{index}".encode() for index in range(len(values)))
    encoded = msgspec.msgpack.encode(results)
    data = b"".join(proto.message(1, tx) for tx in txs)
    block = b"".join(proto.message(field, data if field == 2 else b"") for field in range(1, 5))
    return StoredBlock(height, sha256(str(height).encode()), block, b"", encoded, b"")


def store_of(folder: Path, blocks: list[list[str]]) -> BlockStore:
    store = BlockStore(folder / "blocks.log")
    for height, values in enumerate(blocks, 1):
        store.append(stored(height, values))
    return store


def found(index: EventIndex, value: str, within: range) -> list[int]:
    heights, at = [], within.start
    while at < within.stop:
        height, at = index.next_with_value("record_anchored.anchor", value, range(at, within.stop))
        heights += [] if height is None else [height]
    return heights


BLOCKS = st.lists(st.lists(st.sampled_from("abcde"), max_size=4), min_size=1, max_size=12)


@given(BLOCKS, st.integers(1, 12), st.integers(4, 64))
def test_every_block_with_the_value_is_named_also_after_pruning(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[list[str]], below: int, at_once: int
) -> None:
    store = store_of(tmp_path_factory.mktemp("index"), blocks)
    index = EventIndex(store)
    asyncio.run(index.catch_up())
    store.prune(below)
    store.append(stored(store.height + 1, ["a", "a", "z"]))
    asyncio.run(index.catch_up())
    kept = {
        height: values for height, values in enumerate([*blocks, ["a", "a", "z"]], 1) if height >= store.base
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(event_index, "SCANNED_AT_ONCE", at_once)
        for value in "abcdez":
            wanted = [height for height, values in kept.items() if value in values]
            assert found(index, value, range(store.base, store.height + 1)) == wanted
    assert index.counts["record_anchored"] == sum(map(len, kept.values()))
    assert [index.holds_type(height, "record_anchored") for height in kept] == [
        bool(v) for v in kept.values()
    ]
    store.close()


def test_a_value_never_seen_is_in_no_block(tmp_path: Path) -> None:
    index = EventIndex(store_of(tmp_path, [["a", "b"], [], ["c"]]))
    asyncio.run(index.catch_up())
    assert found(index, "d", range(1, 4)) == []
    assert found(index, "a", range(2, 4)) == []


def test_a_collision_costs_a_look_but_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With prints that all collide every block is a candidate, and none is left out."""
    monkeypatch.setattr(event_index, "_print", lambda key, value: b"same")
    index = EventIndex(store_of(tmp_path, [["a"], ["b"], [], ["c"]]))
    asyncio.run(index.catch_up())
    assert found(index, "b", range(1, 5)) == [1, 2, 4]


def test_it_costs_about_nine_bytes_for_each_transaction(tmp_path: Path) -> None:
    blocks = [[f"{height}-{number}" for number in range(100)] for height in range(20)]
    index = EventIndex(store_of(tmp_path, blocks))
    asyncio.run(index.catch_up())
    assert index.size / 2_000 < 9


async def test_it_follows_the_store_and_starts_later_when_the_store_does(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "blocks.log")
    index = EventIndex(store)
    store.start_at(100)
    came = asyncio.Event()

    async def block_comes(height: int) -> None:
        while store.height < height:
            came.clear()
            await came.wait()

    task = asyncio.create_task(index.follow(block_comes))
    store.append(stored(100, ["a"]))
    came.set()
    while index.height < 100:
        await asyncio.sleep(0.001)
    assert (index.base, found(index, "a", range(100, 101))) == (100, [100])
    task.cancel()
