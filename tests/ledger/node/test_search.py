"""Searching on a node whose index has seen nothing yet, and the limits of a search."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.node import rpc_search
from ledger.node.event_index import EventIndex
from ledger.node.rpc_params import Params, RpcError
from ledger.types.ids import sha256
from tests.ledger.node.test_event_index import store_of, stored

BLOCKS = [["a", "b"], [], ["c"], ["a"], ["d", "d", "b"]]


@pytest.fixture
def node(tmp_path: Path) -> Any:
    """What a search needs of a node: the store, and an index that nobody brings up to date."""
    store = store_of(tmp_path, BLOCKS)
    return SimpleNamespace(store=store, index=EventIndex(store))


async def search(node: Any, query: str, **params: str) -> dict[str, Any]:
    return await rpc_search.tx_search(node, Params({"query": query, **params}, from_uri=False))


def txs(*places: tuple[int, int]) -> list[str]:
    return [sha256(f"{height}/{index}".encode()).hex().upper() for height, index in places]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("record_anchored.anchor='a'", [(1, 0), (4, 0)]),
        ("record_anchored.anchor='a' AND tx.height>1", [(4, 0)]),
        ("record_anchored.anchor='d'", [(5, 0), (5, 1)]),
        ("record_anchored.anchor CONTAINS 'b'", [(1, 1), (5, 2)]),
        ("record_anchored EXISTS AND tx.height<4", [(1, 0), (1, 1), (3, 0)]),
        ("tx.height=3", [(3, 0)]),
        ("tx.height>=4 AND tx.height<5", [(4, 0)]),
        ("tx.height>5", []),
        ("tx.height>5 AND tx.height<3", []),
        ("record_anchored.anchor='nobody'", []),
    ],
)
async def test_a_search_brings_the_index_up_to_date_first(
    node: Any, query: str, places: list[tuple[int, int]]
) -> None:
    answer = await search(node, query)
    assert [tx["hash"] for tx in answer["txs"]] == txs(*places)
    assert answer["total_count"] == str(len(places))
    node.store.append(stored(6, ["a", "c"]))
    later = await search(node, "record_anchored.anchor='a' AND tx.height=6")
    assert [tx["hash"] for tx in later["txs"]] == txs((6, 0))


async def test_what_was_pruned_is_found_no_more_and_the_rest_still_is(node: Any) -> None:
    await node.index.catch_up()
    node.store.prune(4)
    node.store.append(stored(6, ["c"]))
    for value, places in (("a", [(4, 0)]), ("c", [(6, 0)]), ("b", [(5, 2)])):
        answer = await search(node, f"record_anchored.anchor='{value}'")
        assert [tx["hash"] for tx in answer["txs"]] == txs(*places)


async def test_too_broad_a_search_is_refused_and_says_how_to_narrow_it(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_search, "MAX_READ_TXS", 3)
    with pytest.raises(RpcError) as refused:
        await search(node, "record_anchored EXISTS")
    assert "Narrow it by an event's value or by tx.height" in refused.value.data
    assert (await search(node, "record_anchored EXISTS AND tx.height<4"))["total_count"] == "3"
    assert (await search(node, "record_anchored.anchor='c'"))["total_count"] == "1"
    assert node.index.searches == 0


async def test_searches_that_wait_are_bounded(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc_search, "MAX_SEARCHES", 2)
    async with node.index.one_search:
        waiting = [asyncio.create_task(search(node, "tx.height=1")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(RpcError, match="try again shortly"):
            await search(node, "tx.height=1")
    assert [answer["total_count"] for answer in await asyncio.gather(*waiting)] == ["2", "2"]
