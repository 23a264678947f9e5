"""What a trusted store keeps, and that a torn, edited or foreign file is refused."""

import json
import os
from pathlib import Path

import pytest

from ledger.light.errors import StoreDamaged
from ledger.light.store import MAX_KEPT, JsonFileStore, MemoryStore, above, at_or_below
from ledger.types.block import Commit, Header
from tests.ledger.light.chain import Plan, grow
from tests.ledger.light.scenarios import HONEST, ROTATING


def shown(store: MemoryStore) -> list[tuple[Header, Commit, bytes]]:
    return [(block.header, block.commit, block.validators.hash) for block in store.blocks()]


def test_file_gives_back_what_was_kept(tmp_path: Path) -> None:
    store = JsonFileStore(tmp_path / "trusted.json")
    assert store.blocks() == ()
    store.save([ROTATING[9], ROTATING[1]])
    assert shown(JsonFileStore(tmp_path / "trusted.json")) == shown(MemoryStore([ROTATING[1], ROTATING[9]]))
    assert [path.name for path in tmp_path.iterdir()] == ["trusted.json"]


def test_neighbours_of_a_height() -> None:
    store = MemoryStore([HONEST[3], HONEST[7]])
    assert at_or_below(store, 2) is None
    assert at_or_below(store, 7) == HONEST[7]
    assert at_or_below(store, 6) == HONEST[3]
    assert above(store, 3) == HONEST[7]
    assert above(store, 7) is None


def test_anchor_and_the_newest_blocks_are_kept() -> None:
    chain = grow(Plan(lambda height: "A"), MAX_KEPT + 5)
    store = MemoryStore()
    store.save(chain.values())
    heights = [block.height for block in store.blocks()]
    assert heights == [1, *range(6, MAX_KEPT + 6)]


def test_file_cut_off_at_any_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trusted.json"
    JsonFileStore(path).save([HONEST[1]])
    whole = path.read_bytes()
    for size in range(0, len(whole) - 1, max(1, len(whole) // 50)):
        path.write_bytes(whole[:size])
        with pytest.raises(StoreDamaged, match="anew"):
            JsonFileStore(path)


def test_edited_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trusted.json"
    JsonFileStore(path).save([HONEST[1]])
    document = json.loads(path.read_text())
    document["blocks"][0]["signed_header"]["header"]["app_hash"] = "66" * 32
    path.write_text(json.dumps(document))
    with pytest.raises(StoreDamaged, match="not whole"):
        JsonFileStore(path)


def test_file_of_two_chains_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trusted.json"
    other = grow(Plan(lambda height: "ABCD", chain_id="salus-other"), 2)
    JsonFileStore(path).save([HONEST[1], other[2]])
    with pytest.raises(StoreDamaged, match="mixes chains"):
        JsonFileStore(path)


def test_crash_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trusted.json"
    JsonFileStore(path).save([HONEST[1]])

    def crash(_descriptor: int) -> None:
        raise OSError("power is gone")

    store = JsonFileStore(path)
    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="power"):
        store.save([HONEST[5]])
    monkeypatch.undo()
    assert shown(JsonFileStore(path)) == shown(MemoryStore([HONEST[1]]))
