"""The write-ahead log and the block store: what a crash may do to them, and what only tampering does."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.node.block_store import BlockStore, StoredBlock, TxPlace
from ledger.node.errors import FileCorrupt
from ledger.node.record_log import RecordLog
from ledger.node.wal import Wal
from ledger.types.block import Block, Commit, Header, Version
from ledger.types.ids import NIL, sha256


def written(path: Path, *payloads: bytes) -> bytes:
    log = RecordLog(path)
    for payload in payloads:
        log.append(payload)
    log.close()
    return path.read_bytes()


def payloads_of(path: Path) -> list[bytes]:
    log = RecordLog(path)
    found = [payload for _, payload in log.records()]
    log.close()
    return found


def stored(height: int, *txs: bytes) -> StoredBlock:
    block = Block(Header(Version(), "salus", height, 0, NIL, *[b""] * 9), txs, Commit())
    return StoredBlock(height, sha256(b"block %d" % height), block.encode(), b"commit", b"\x90", b"app")


def test_crash_at_every_byte_keeps_each_whole_record_and_nothing_else(tmp_path: Path) -> None:
    records = [b"first", b"", b"third record"]
    whole = written(tmp_path / "log", *records)
    ends = [len(written(tmp_path / f"prefix{count}", *records[:count])) for count in range(4)]
    for length in range(len(whole) + 1):
        path = tmp_path / f"cut{length}"
        path.write_bytes(whole[:length])
        expected = records[: sum(end <= length for end in ends) - 1]
        assert payloads_of(path) == expected
        log = RecordLog(path)
        log.append(b"after the crash")
        log.close()
        assert payloads_of(path) == [*expected, b"after the crash"]


def test_every_flipped_bit_before_the_last_record_is_refused(tmp_path: Path) -> None:
    whole = bytearray(written(tmp_path / "log", b"first", b"second", b"last"))
    last = len(whole) - len(b"last") - 24
    for position in range(last):
        altered = bytearray(whole)
        altered[position] ^= 0x40
        path = tmp_path / "altered"
        path.write_bytes(altered)
        with pytest.raises(FileCorrupt):
            RecordLog(path)


def test_unwritten_zeros_at_the_end_are_a_torn_tail(tmp_path: Path) -> None:
    whole = written(tmp_path / "log", b"kept")
    (tmp_path / "log").write_bytes(whole + bytes(5000))
    assert payloads_of(tmp_path / "log") == [b"kept"]


def test_power_cut_that_leaves_unfilled_space_from_any_byte_on_loses_only_what_was_not_synced(
    tmp_path: Path,
) -> None:
    """The file has its full length, but from some byte on, in any of the unsynced records, only zeros."""
    synced = len(written(tmp_path / "synced", b"kept"))
    records = [b"kept", b"first lost record", b"second", b"third"]
    whole = written(tmp_path / "whole", *records)
    ends = [len(written(tmp_path / f"prefix{count}", *records[:count])) for count in range(1, 5)]
    for filled in range(synced, len(whole) - 16):
        path = tmp_path / f"cut{filled}"
        path.write_bytes(whole[:filled] + bytes(len(whole) - filled))
        assert payloads_of(path) == records[: sum(end <= filled for end in ends)]


def test_flipped_bit_in_a_last_record_that_ends_in_a_few_zeros_is_refused(tmp_path: Path) -> None:
    whole = bytearray(written(tmp_path / "log", b"first", b"a timeout of round 0\0\0"))
    whole[-10] ^= 1
    (tmp_path / "log").write_bytes(whole)
    with pytest.raises(FileCorrupt):
        RecordLog(tmp_path / "log")


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_records_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    written(path, *payloads)
    assert payloads_of(path) == payloads


def test_replay_gives_the_inputs_of_one_height_in_order(tmp_path: Path) -> None:
    wal = Wal(tmp_path / "wal.log")
    wal.append(1, "vote", b"a")
    wal.end_height(1)
    wal.append(2, "vote", b"b")
    wal.append(2, "timeout", b"c")
    wal.close()
    again = Wal(tmp_path / "wal.log")
    assert [(entry.kind, entry.data) for entry in again.replay(2)] == [("vote", b"b"), ("timeout", b"c")]
    assert again.ended_height() == 1
    assert list(again.replay(3)) == []


def test_long_log_starts_anew_at_the_end_of_a_height(tmp_path: Path) -> None:
    wal = Wal(tmp_path / "wal.log", rotate_at=1000)
    for height in range(1, 50):
        wal.append(height, "vote", bytes(300))
        wal.end_height(height)
    wal.append(50, "vote", b"now")
    wal.close()
    assert (tmp_path / "wal.log").stat().st_size < 2000
    again = Wal(tmp_path / "wal.log")
    assert [entry.data for entry in again.replay(50)] == [b"now"]


def test_block_store_finds_blocks_and_transactions_after_a_restart(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "blocks.log")
    store.append(stored(1))
    store.append(stored(2, b"tx a", b"tx b"))
    store.close()
    again = BlockStore(tmp_path / "blocks.log")
    assert again.height == 2
    assert again.place_of(sha256(b"tx b")) == TxPlace(2, 1)
    assert again.place_of(sha256(b"tx c")) is None
    found = again.by_hash(sha256(b"block 1"))
    assert found is not None
    assert found.height == 1
    assert again.load(3) is None


def test_half_written_block_is_as_if_it_never_was(tmp_path: Path) -> None:
    path = tmp_path / "blocks.log"
    store = BlockStore(path)
    store.append(stored(1))
    store.append(stored(2))
    store.close()
    path.write_bytes(path.read_bytes()[:-3])
    again = BlockStore(path)
    assert again.height == 1
    again.append(stored(2, b"tx"))
    assert again.place_of(sha256(b"tx")) == TxPlace(2, 0)


def test_block_out_of_order_is_refused(tmp_path: Path) -> None:
    store = BlockStore(tmp_path / "blocks.log")
    with pytest.raises(ValueError, match="expected block 1, got 2"):
        store.append(stored(2))
