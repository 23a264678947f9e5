"""Snapshots written while blocks go on: what is durable when; kills, a full disk and spoilt files.

A snapshot is held back by a gate before its bytes are made, so that what happens meanwhile is in an order.
"""

import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.machine.application import Application
from ledger.node import snapshot_writer
from ledger.node.devnet import init_devnet
from ledger.node.errors import NodeError
from ledger.node.executor import Executor
from ledger.node.home import Home
from ledger.node.node import Node
from ledger.node.snapshot_shelf import SnapshotShelf
from ledger.node.snapshot_writer import SnapshotWriter
from tests.ledger.cluster.network import APP_STATE, CHAIN_ID, MONIKERS
from tests.ledger.node.chain_maker import Maker, people

EVERY = 10
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Snapshots get no further than their first piece until this is set."""
    opened, real = threading.Event(), Application.snapshot

    def held(self: Application) -> Iterator[bytes]:
        return after_the_gate(real(self))

    def after_the_gate(pieces: Iterator[bytes]) -> Iterator[bytes]:
        yield next(pieces)
        assert opened.wait(60)
        yield from pieces

    monkeypatch.setattr(Application, "snapshot", held)
    yield opened
    opened.set()


def heights(maker: Maker) -> list[int]:
    return [label.height for label in maker.executor.shelf.labels]


def executed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Heights that are executed again from now on."""
    again, real = list[int](), Executor._execute_again

    def counted(self: Executor, height: int) -> None:
        again.append(height)
        real(self, height)

    monkeypatch.setattr(Executor, "_execute_again", counted)
    return again


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


def test_blocks_go_on_while_a_snapshot_is_written_and_it_is_that_of_its_block(
    gate: threading.Event, tmp_path: Path
) -> None:
    busy = Maker(tmp_path / "busy", snapshot_every=EVERY, waits=False)
    busy.extend(EVERY + 7, people)
    assert heights(busy) == []
    gate.set()
    busy.executor.snapshots.finish()
    calm = Maker(tmp_path / "calm", snapshot_every=EVERY)
    calm.extend(EVERY, people)
    assert heights(busy) == heights(calm) == [EVERY]
    for kind in ("state", "label"):
        name = f"snapshots/{EVERY}.{kind}"
        assert (tmp_path / "busy" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes()


def test_node_that_was_restored_offers_the_same_bytes_as_one_that_executed_everything(tmp_path: Path) -> None:
    one, other = (Maker(tmp_path / name, snapshot_every=EVERY) for name in ("one", "other"))
    one.extend(2 * EVERY, people)
    other.extend(EVERY + 3, people)
    other.reboot()
    other.extend(EVERY - 3, people)
    assert one.executor.shelf.labels == other.executor.shelf.labels
    assert len(one.executor.shelf.offers) == 2


def test_no_block_is_pruned_before_the_snapshot_after_it_is_durable(
    gate: threading.Event, tmp_path: Path
) -> None:
    pruning = Maker(tmp_path / "pruning", snapshot_every=EVERY, retain_blocks=1, waits=False)
    pruning.extend(3 * EVERY)
    assert pruning.executor.store.base == 1
    gate.set()
    pruning.executor.snapshots.finish()
    pruning.extend(1)
    assert heights(pruning) == [3 * EVERY, EVERY]
    assert pruning.executor.store.base == EVERY


def test_snapshot_that_is_due_while_one_is_written_comes_after_it_and_the_latest_one_only(
    gate: threading.Event, tmp_path: Path
) -> None:
    busy = Maker(tmp_path / "busy", snapshot_every=EVERY, waits=False)
    busy.extend(3 * EVERY + 1, people)
    gate.set()
    busy.executor.snapshots.finish()
    assert heights(busy) == [3 * EVERY, EVERY]


def test_restart_executes_no_more_transactions_than_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded = Maker(tmp_path / "bounded", snapshot_txs=9)
    again = executed(monkeypatch)
    for _ in range(8):
        bounded.extend(1, people)
        before = bounded.executor.state
        del again[:]
        bounded.reboot()
        assert bounded.executor.state == before
        assert 3 * len(again) < 9
    assert heights(bounded) == [6]
    assert not bounded.executor.shelf.offers


def test_own_snapshot_that_was_due_while_another_was_written_is_taken_afterwards(
    gate: threading.Event, tmp_path: Path
) -> None:
    busy = Maker(tmp_path / "busy", snapshot_txs=9, waits=False)
    busy.extend(7, people)
    gate.set()
    busy.executor.snapshots.finish()
    assert heights(busy) == [3]
    busy.extend(1, people)
    busy.executor.snapshots.finish()
    assert heights(busy) == [8]


def test_snapshot_in_flight_at_shutdown_is_finished_without_rests_and_the_last_state_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_writer, "BURST_S", 0.0)
    monkeypatch.setattr(snapshot_writer, "REST", 1e7)  # would take hours
    leaving = Maker(tmp_path / "leaving", snapshot_every=EVERY, waits=False)
    leaving.extend(EVERY + 2, people)
    assert heights(leaving) == []
    saving = threading.Thread(target=leaving.executor.save_snapshot, daemon=True)
    saving.start()
    saving.join(30)
    assert not saving.is_alive()
    assert heights(leaving) == [EVERY + 2, EVERY]
    again = executed(monkeypatch)
    leaving.reboot()
    assert again == []
    assert leaving.executor.height == EVERY + 2


SLOW = """
import sys, time
from pathlib import Path
from ledger.node import snapshot_shelf
from tests.ledger.node.chain_maker import Maker, people
maker = Maker(Path(sys.argv[1]), snapshot_every=5)
maker.extend(5, people)
real, snapshot_shelf.CHUNK_BYTES = snapshot_shelf._chunks, 1000
def chunks(pieces):
    for number, chunk in enumerate(real(pieces)):
        if number == 7:
            print("half", flush=True)
            time.sleep(600)
        yield chunk
snapshot_shelf._chunks, snapshot_shelf.SYNCED_CHUNKS = chunks, 1
maker.waits = False
maker.extend(7, people)
maker.executor.snapshots.finish()
"""


def test_node_killed_in_the_middle_of_a_snapshot_restarts_from_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = {path.name: path.stat().st_size for path in (folder / "snapshots").iterdir()}
    assert sorted(left) == ["10.new", "5.label", "5.state"]
    assert 0 < left["10.new"] < left["5.state"]
    again = executed(monkeypatch)
    killed = Maker(folder, snapshot_every=5)
    assert killed.executor.height == again[-1] >= 10
    assert again[0] == 6
    assert sorted(path.name for path in (folder / "snapshots").iterdir()) == ["5.label", "5.state"]
    (tmp_path / "reference").mkdir()
    shutil.copy(folder / "blocks.log", tmp_path / "reference")
    reference = Maker(tmp_path / "reference", snapshot_every=5)
    assert killed.executor.state == reference.executor.state
    missing = 15 - killed.executor.height
    for maker in (killed, reference):
        maker.extend(missing, people)
    assert heights(killed) == [15, 5]
    assert killed.executor.shelf.labels[0] == reference.executor.shelf.labels[0]


def test_full_disk_costs_that_snapshot_only(
    gate: threading.Event, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system lets files of this process grow to 4,096 bytes while the snapshot is written."""
    full = Maker(tmp_path / "full", snapshot_every=EVERY, waits=False)
    full.extend(EVERY, people)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        gate.set()
        full.executor.snapshots.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "event=snapshot_failed height=10" in capsys.readouterr().err
    assert list((tmp_path / "full" / "snapshots").iterdir()) == []
    full.extend(EVERY, people)
    full.executor.snapshots.finish()
    assert heights(full) == [2 * EVERY]
    before = full.executor.state
    full.reboot()
    assert full.executor.state == before


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """A ledger with two snapshots, whose older blocks are gone."""
    made = Maker(tmp_path_factory.mktemp("twice"), snapshot_every=EVERY, retain_blocks=1)
    made.extend(2 * EVERY + 1, people)
    assert made.executor.store.base == EVERY
    return made


@pytest.mark.parametrize("kind", ["state", "label"])
def test_spoilt_snapshot_is_noticed_wherever_it_is_spoilt_and_the_one_before_serves(
    twice: Maker,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    again = executed(monkeypatch)
    name = f"{2 * EVERY}.{kind}"
    whole = (twice.folder / "snapshots" / name).read_bytes()
    damages = [flipped(whole, at) for at in range(0, len(whole), max(1, len(whole) // 60))]
    for number, damaged in enumerate([*damages, whole[:-1], whole + b"\0", b""]):
        shutil.copytree(twice.folder, folder := tmp_path / str(number))
        (folder / "snapshots" / name).write_bytes(damaged)
        del again[:]
        capsys.readouterr()
        spoilt = Maker(folder, snapshot_every=EVERY)
        assert spoilt.executor.state == twice.executor.state
        assert again == list(range(EVERY + 1, 2 * EVERY + 2))
        assert "event=snapshot_ignored" in capsys.readouterr().err
        spoilt.executor.store.close()


def test_pruned_ledger_whose_every_snapshot_is_spoilt_asks_for_a_sync_instead_of_guessing(
    twice: Maker, tmp_path: Path
) -> None:
    shutil.copytree(twice.folder, tmp_path / "spoilt")
    for path in (tmp_path / "spoilt" / "snapshots").glob("*.state"):
        path.write_bytes(flipped(path.read_bytes(), 1_000))
    with pytest.raises(NodeError, match="takes a snapshot over"):
        Maker(tmp_path / "spoilt", snapshot_every=EVERY)


def test_node_whose_only_snapshot_is_spoilt_executes_everything_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Maker(tmp_path / "made", snapshot_txs=9)
    made.extend(4, people)
    state, path = made.executor.state, tmp_path / "made" / "snapshots" / "3.state"
    path.write_bytes(flipped(path.read_bytes(), 3_000))
    again = executed(monkeypatch)
    made.reboot()
    assert made.executor.state == state
    assert again == [1, 2, 3, 4]


def test_spoilt_chunk_is_not_sent_to_newcomers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.node.snapshot_shelf.CHUNK_BYTES", 1_000)
    made = Maker(tmp_path / "made", snapshot_every=EVERY)
    made.extend(EVERY, people)
    path = tmp_path / "made" / "snapshots" / f"{EVERY}.state"
    path.write_bytes(flipped(path.read_bytes(), 3_456))
    sent = [made.executor.shelf.chunk(EVERY, index) for index in range(6)]
    assert [chunk is None for chunk in sent] == [False, False, False, True, False, False]


def test_state_whose_label_never_came_is_no_snapshot(tmp_path: Path) -> None:
    made = Maker(tmp_path / "made", snapshot_every=EVERY)
    made.extend(EVERY, people)
    (tmp_path / "made" / "snapshots" / f"{EVERY}.label").unlink()
    assert SnapshotShelf(tmp_path / "made" / "snapshots").labels == ()
    assert list((tmp_path / "made" / "snapshots").iterdir()) == []


def test_votes_need_not_wait_for_the_snapshot_of_a_large_state(tmp_path: Path) -> None:
    """200,000 entries: many blocks are decided, executed and synced before it is durable."""
    large = Maker(tmp_path / "large", snapshot_every=2, waits=False)
    app = large.executor.app
    pairs = {b"consent/%d" % n: b"{%0500d}" % n for n in range(200_000)}
    app._tree, values = app._tree.update(pairs), app._values
    values.update(pairs)
    large.extend(2, people)
    large.executor.snapshots._every = 10**9
    decided = 0
    while not heights(large) and decided < 5_000:
        large.extend(1)
        decided += 1
    assert heights(large) == [2]
    assert decided > 20
    label = large.executor.shelf.labels[0]
    restored = Application.restore(large.executor.shelf.pieces(label), label.app_hash, ours=True)
    assert restored.info().height == 2
    assert len(restored._values) > 200_000


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_fault_of_ours_while_writing_costs_that_snapshot_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Application) -> Iterator[bytes]:
        yield b"beginning"
        raise ZeroDivisionError

    made = Maker(tmp_path / "made", snapshot_every=EVERY)
    with monkeypatch.context() as patch:
        patch.setattr(Application, "snapshot", broken)
        made.extend(EVERY, people)
    assert heights(made) == []
    made.extend(EVERY, people)
    assert heights(made) == [2 * EVERY]


def test_validators_take_their_own_snapshots_in_turn_and_offered_ones_together(tmp_path: Path) -> None:
    """Three transactions a block: twelve are four blocks. Each waits its turn after one that all take."""

    def taken(turn: float) -> list[int]:
        made = Maker(tmp_path / f"{turn}", waits=True)
        writer = SnapshotWriter(made.executor.shelf, every=EVERY, txs=12, turn=turn)
        made.executor.snapshots = writer
        found = []
        for _ in range(22):
            made.extend(1, people)
            found.append(writer._taken)
        return sorted(set(found) - {0})

    assert taken(0.25) == [1, 5, 9, 10, 11, 15, 19, 20, 21]
    assert taken(0.5) == [2, 6, 10, 12, 16, 20, 22]
    assert taken(1.0) == [4, 8, 10, 14, 18, 20]


async def test_each_validator_has_a_turn_of_its_own(tmp_path: Path) -> None:
    nodes = [Node(Home(made.home)) for made in init_devnet(tmp_path, MONIKERS, APP_STATE, CHAIN_ID, 20_000)]
    assert sorted(node.executor.snapshots._turn for node in nodes) == [0.25, 0.5, 0.75, 1.0]
    for node in nodes:
        await node.stop()


def test_one_that_all_take_is_written_in_turn_and_is_still_of_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits as long as those before it are expected to write; whoever stops the node waits for no turn."""
    waited: list[float] = []
    real = threading.Event.wait

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        if timeout is not None and timeout > 10:
            waited.append(timeout)
        return real(self, None if timeout is None else min(timeout, 0.2))

    monkeypatch.setattr(threading.Event, "wait", wait)
    made = Maker(tmp_path / "made", snapshot_every=EVERY, waits=False)
    made.extend(EVERY - 1, people)
    made.executor.snapshots._turn, made.executor.snapshots._took_s = 0.75, 100.0
    made.extend(2, people)
    assert heights(made) == []
    made.executor.snapshots.finish()
    assert waited == [300.0]
    assert heights(made) == [EVERY]
    assert made.executor.height == EVERY + 1
    made.reboot()
    assert made.executor.height == EVERY + 1
