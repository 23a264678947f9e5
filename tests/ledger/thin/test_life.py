"""A thin node's life: power cuts, validators that come and go, clocks, old trust, too many guests."""

import base64
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ledger.api import Cursor, LedgerClient, LedgerUnavailable
from ledger.light.store import JsonFileStore
from ledger.thin.memory import MAX_REQUESTS
from tests.free_ports import free_ports
from tests.ledger.cluster.network import MONIKERS, ROOT, Network, Person
from tests.ledger.thin.thin_process import Thin

UNAVAILABLE = -32003


@pytest.fixture
def thin(network: Network, request: pytest.FixtureRequest) -> Iterator[Thin]:
    made = Thin(network, [node.rpc for node in network.nodes], name=f"life-{os.urandom(4).hex()}")
    yield made
    if made.process:
        made.kill()


@pytest.fixture(autouse=True)
def everyone_runs(network: Network) -> Iterator[None]:
    yield
    missing = [name for name in MONIKERS if name not in network.processes]
    if missing:
        network.start(*missing)


def somebody() -> Person:
    return Person(f"life {os.urandom(8).hex()}")


def all_events(client: LedgerClient, limit: int) -> list[str]:
    """Every transaction's hash, read page by page."""
    heard, cursor = list[str](), Cursor()
    while events := client.events_since(cursor, limit=limit):
        heard += [event.tx_hash for event in events]
        cursor = events[-1].cursor
    return heard


def test_killed_at_any_moment_it_resumes_from_what_it_had_verified(network: Network, thin: Thin) -> None:
    seed = random.randrange(2**32)
    moments = random.Random(seed)
    stop, committed = threading.Event(), list[str]()

    def load() -> None:
        client = network.client()
        while not stop.is_set():
            committed.append(client.commit(somebody().registers(), timeout_s=20).tx_hash)
        client.close()

    thread = threading.Thread(target=load)
    thin.start()
    thread.start()
    reached = 0
    try:
        for _round in range(5):
            time.sleep(moments.uniform(0.05, 1.5))
            thin.kill()
            kept = JsonFileStore(thin.home / "trusted.json").blocks()
            assert kept, seed
            assert kept[-1].height >= reached, seed
            reached = kept[-1].height
            thin.again()
            thin.until(lambda least=reached: thin.height() >= least, f"it resumes (seed {seed})")
    finally:
        stop.set()
        thread.join(30)
    client, heard = thin.client(), list[str]()

    def heard_all() -> bool:
        heard[:] = all_events(client, 500)
        return set(committed) <= set(heard)

    thin.until(heard_all, f"everything that was committed is told (seed {seed})")
    assert len(heard) == len(set(heard))
    client.close()


def test_stopped_properly_it_has_written_down_its_newest_header(network: Network, thin: Thin) -> None:
    thin.start()
    client = thin.client()
    done = client.commit(somebody().registers())
    assert thin.kill(signal.SIGTERM) == 0
    assert JsonFileStore(thin.home / "trusted.json").blocks()[-1].height >= done.height
    client.close()


def test_validators_die_and_come_back_and_nothing_unverified_is_said_meanwhile(
    network: Network, thin: Thin
) -> None:
    thin.start()
    client, person = thin.client(), somebody()
    done = client.commit(person.registers())
    network.kill("north-lake")
    assert client.query(f"did/{person.did}").value is not None
    network.kill("riverside", "hillside")
    assert client.query(f"did/{person.did}").value is not None, "one is enough under a header seen by two"
    network.kill("health-authority")
    error = thin.error("query_proven", key=f"did/{person.did}")
    assert (error["code"], "validators" in error["data"]) == (UNAVAILABLE, True), error
    assert thin.error("tx", hash="AAAA")["code"] == UNAVAILABLE
    with pytest.raises(LedgerUnavailable):
        client.submit(somebody().registers())
    assert thin.result("health") == {}
    network.start()
    assert client.commit(somebody().registers(), timeout_s=20).height > done.height
    assert "validator_dropped" not in thin.log()
    client.close()


def test_a_ledger_much_longer_than_what_is_kept_is_read_from_its_beginning(
    network: Network, thin: Thin
) -> None:
    """A node that starts late has seen none of it: the hashes of later headers lead to every old one."""
    direct = network.client()
    while network.height("north-lake") <= 250:
        direct.commit(somebody().registers())
    direct.query("did/nobody")
    expected = all_events(direct, 5_000)
    thin.start()
    client = thin.client()
    thin.until(lambda: client.status().height > 250, "it has the newest block")
    assert all_events(client, 50) == expected
    for height in (1, 7, 199, 200, 201):
        assert client.block(height) == direct.block(height)
    direct.close()
    client.close()


def test_trust_that_has_run_out_answers_nothing_until_a_person_vouches(network: Network, thin: Thin) -> None:
    direct = network.client()
    direct.commit(somebody().registers())
    direct.query("did/nobody")
    thin.options = ("--trusting-period", "86400")
    thin.start()
    thin.kill()
    newest = JsonFileStore(thin.home / "trusted.json").blocks()[-1]
    age_s = (time.time_ns() - newest.header.time_ns) // 10**9
    thin.launch("--trusting-period", str(max(1, age_s)))
    thin.until(lambda: "event=not_verifying" in thin.log(), "it says so in its log")
    for method in ("status", "query_proven", "block", "events_since", "commit_proven"):
        error = thin.error(method, key="did/nobody", tx="e30=")
        assert error["code"] == UNAVAILABLE, (method, error)
        assert "--trust HEIGHT:HASH" in error["data"], (method, error)
    thin.kill()
    done = direct.commit(somebody().registers())
    fresh = network.rpc("riverside", f"commit?height={done.height}")["signed_header"]["commit"]["block_id"]
    wrong = thin.launch("--trusting-period", "3600", "--trust", f"{done.height}:{'ab' * 32}")
    wrong.until(lambda: "not the one vouched for" in wrong.log(), "a hash that nobody has is refused")
    assert wrong.height() == 0
    wrong.kill()
    thin.start("--trusting-period", "3600", "--trust", f"{done.height}:{fresh['hash']}")
    client = thin.client()
    assert client.query("did/nobody").value is None
    client.close()
    direct.close()


@pytest.mark.parametrize(("off_s", "words"), [(-7_200, "clock is behind"), (20 * 86_400, "clock")])
def test_a_clock_that_is_off_is_named_and_nothing_is_answered(
    network: Network, thin: Thin, off_s: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALUS_TEST_CLOCK_S", str(off_s))
    thin.module = "tests.ledger.thin.other_clock"
    thin.launch()
    thin.until(lambda: "event=not_verifying" in thin.log(), "it says so in its log")
    error = thin.error("query_proven", key="did/nobody")
    assert (error["code"], words in error["data"]) == (UNAVAILABLE, True), error
    thin.kill()
    thin.module = "ledger.thin"
    thin.start()
    assert thin.result("query_proven", key="did/nobody")["value"] is None


def test_too_many_guests_are_told_so_and_the_others_are_served(network: Network, thin: Thin) -> None:
    thin.start()
    tip = thin.height()

    def wait(_number: int) -> httpx.Response:
        params = {"height": tip + 1, "index": 10**6, "wait_ms": 3_000}
        request = {"jsonrpc": "2.0", "id": 1, "method": "events_since", "params": params}
        return httpx.post(thin.url, json=request, timeout=30, trust_env=False)

    with ThreadPoolExecutor(2 * MAX_REQUESTS) as pool:
        answers = list(pool.map(wait, range(2 * MAX_REQUESTS)))
    busy = [answer for answer in answers if answer.status_code == 429]
    served = [answer for answer in answers if answer.status_code == 200]
    assert len(busy) + len(served) == len(answers)
    assert busy
    assert len(served) >= MAX_REQUESTS
    assert all(int(answer.headers["Retry-After"]) >= 1 and "busy" in answer.text for answer in busy)
    assert all(answer.json()["result"]["headers"] == [] for answer in served)
    assert thin.result("health") == {}


def test_a_full_pool_passes_through_as_429(tmp_path_factory: pytest.TempPathFactory) -> None:
    small = Network.make(tmp_path_factory.mktemp("full"), {"mempool_txs": 1})
    small.start()
    thin = Thin(small, [node.rpc for node in small.nodes]).start()
    try:
        small.kill("hillside", "health-authority")
        client = thin.client()
        client.submit(somebody().registers())
        small.until(lambda: _full(small, "north-lake") and _full(small, "riverside"), "both pools are full")
        statuses = [_submit(thin, somebody()).status_code for _ in range(3)]
        assert statuses == [429, 429, 429]
        client.close()
    finally:
        thin.kill()
        small.kill()


def _full(network: Network, moniker: str) -> bool:
    return bool(network.rpc(moniker, "num_unconfirmed_txs")["n_txs"] == "1")


def _submit(thin: Thin, person: Person) -> httpx.Response:
    tx = base64.b64encode(person.registers()).decode()
    request = {"jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_sync", "params": {"tx": tx}}
    return httpx.post(thin.url, json=request, timeout=30, trust_env=False)


def run_thin(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ledger.thin", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def test_wrong_use_says_what_to_do(network: Network, tmp_path: Path) -> None:
    genesis, url = network.home / "genesis.json", network.node("riverside").rpc
    other = tmp_path / "other.json"
    other.write_text(genesis.read_text().replace("salus-cluster", "another"))
    home = tmp_path / "home"
    cases: list[tuple[tuple[object, ...], str]] = [
        (("--home", home, "--validators", url, url + "0"), "start it once with --genesis FILE"),
        (("--home", home, "--genesis", genesis, "--validators", url), "at least 2 validators"),
        (("--home", home, "--genesis", genesis, "--validators", url, url + "/"), "at least 2 validators"),
        (("--home", home, "--genesis", genesis, "--validators", "ftp://x", url), "expected http://HOST:PORT"),
        (("--home", home, "--genesis", tmp_path / "none.json"), "--genesis none.json"),
        (("--home", home, "--genesis", other, "--validators", url, url + "0"), "of another ledger"),
        (("--home", home, "--listen", "nowhere"), "expected HOST:PORT"),
        (("--home", home, "--trust", "7:abc"), "expected HEIGHT:HASH"),
    ]
    home.mkdir()
    for arguments, words in cases:
        done = run_thin(*arguments)
        assert done.returncode != 0
        assert words in done.stderr, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
        if words == "expected http://HOST:PORT":
            (home / "genesis.json").write_bytes(genesis.read_bytes())


def test_a_damaged_store_is_refused_with_the_way_out(network: Network, thin: Thin) -> None:
    thin.start()
    thin.kill()
    stored = thin.home / "trusted.json"
    stored.write_text(stored.read_text().replace('"app_hash": "', '"app_hash": "00', 1))
    done = run_thin("--home", thin.home)
    assert done.returncode == 1
    assert "Make it anew" in done.stderr
    stored.unlink()
    thin.start()


def test_a_second_node_on_one_home_is_refused(thin: Thin) -> None:
    thin.start()
    done = run_thin("--home", thin.home)
    assert (done.returncode, "another node already runs" in done.stderr) == (1, True)


def test_the_process_imports_no_django_and_the_command_becomes_it(network: Network, thin: Thin) -> None:
    names = "import sys, ledger.thin.__main__; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", names], cwd=ROOT, check=False).returncode == 0
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    port = free_ports(1)
    urls = [node.rpc for node in network.nodes]
    command = [sys.executable, "manage.py", "runthin", "--home", str(thin.home), "--genesis"]
    genesis = str(network.home / "genesis.json")
    process = subprocess.Popen(
        [*command, genesis, "--validators", *urls, "--listen", f"127.0.0.1:{port}"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert f"listens: rpc http://127.0.0.1:{port}".encode() in process.stdout.readline()
        assert b"ledger.thin" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        client = LedgerClient([f"http://127.0.0.1:{port}"], network.genesis)
        network.until(lambda: client.status().height > 0, "it answers")
        client.close()
    finally:
        process.terminate()
        process.wait(15)


def test_help_shows_how_to_start() -> None:
    said = run_thin("--help").stdout
    for words in ("the first time:", "ever after:", "--trust HEIGHT:HASH", "SALUS_LEDGER_RPC"):
        assert words in said
