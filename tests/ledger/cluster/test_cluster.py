"""Four validators as processes of their own: what they agree on, and what they survive.

What is said of a client holds through a thin node as well.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from ledger.api import Cursor, LedgerClient, LedgerUnavailable, NotFound, TxRejected
from ledger.light.bundle import Proven, verify_bundle
from ledger.light.consent import StateFact
from ledger.light.light_json import light_block_from_json
from ledger.light.root import Root
from ledger.light.verdict import Options
from ledger.types.genesis import Genesis
from tests.ledger.cluster.network import MONIKERS, Network, Person

Cast = Callable[[str], Person]


@pytest.fixture(scope="module")
def client(network: Network, doors: list[str]) -> Iterator[LedgerClient]:
    made = LedgerClient(doors, network.genesis)
    yield made
    made.close()


@pytest.fixture
def person(doors: list[str]) -> Cast:
    """People by name; those behind one door are others than those behind the other."""
    return lambda name: Person(f"{len(doors)} {name}")


@pytest.fixture(autouse=True)
def everyone_runs(network: Network) -> Iterator[None]:
    """Whoever a test ended is back for the next one."""
    yield
    missing = [name for name in MONIKERS if name not in network.processes]
    if missing:
        network.start(*missing)


def test_committed_transaction_is_proven_and_its_state_present(
    network: Network, client: LedgerClient, person: Cast
) -> None:
    done = client.commit(person("Li Mei").registers())
    value = client.query(f"did/{person('Li Mei').did}")
    assert value.value is not None
    assert value.value["seq"] == 0
    assert value.height >= done.height
    assert client.block(done.height).transactions[done.cursor.index].tx_hash == done.tx_hash


def test_absence_is_proven_not_guessed(client: LedgerClient) -> None:
    assert client.query("did/did:salus:u-nobody").value is None


def test_same_bytes_again_give_the_same_result(client: LedgerClient, person: Cast) -> None:
    wire = person("Amina Diallo").registers()
    first = client.commit(wire)
    assert client.commit(wire) == first
    assert client.submit(wire) == first.tx_hash


def test_refused_transaction_says_why_and_that_it_is_for_good(client: LedgerClient, person: Cast) -> None:
    wire = person("Mallory").registers()
    forged = wire.replace(b'"custody":"self"', b'"custody":"custodial"')
    with pytest.raises(TxRejected) as refused:
        client.commit(forged)
    assert refused.value.permanent
    assert "SIGNATURE_INVALID" in refused.value.reason


def test_events_come_once_each_in_order_from_any_cursor(client: LedgerClient, person: Cast) -> None:
    for number in range(3):
        client.commit(person(f"event {number}").registers())
    events = client.events_since(Cursor())
    cursors = [event.cursor for event in events]
    assert cursors == sorted(set(cursors))
    assert client.events_since(events[-2].cursor) == events[-1:]
    assert client.events_since(events[-1].cursor) == []
    assert events[-1].body["type"] == "DidRegistered"


def test_long_poll_returns_as_soon_as_something_commits(client: LedgerClient, person: Cast) -> None:
    last = client.events_since(Cursor())[-1].cursor
    later = threading.Timer(0.3, lambda: client.commit(person("poll").registers()))
    later.start()
    began = time.monotonic()
    events = client.events_since(last, wait_s=10)
    assert len(events) == 1
    assert time.monotonic() - began < 3
    later.join()


def test_unknown_transaction_is_not_found(client: LedgerClient) -> None:
    with pytest.raises(NotFound):
        client.proof_bundle("00" * 32)


def test_idle_network_makes_no_blocks_and_sleeps(network: Network, client: LedgerClient) -> None:
    network.until(lambda: network.same_state(), "everyone is at rest")
    time.sleep(0.3)
    height, used = network.height("riverside"), network.cpu_s("riverside")
    time.sleep(2)
    assert network.height("riverside") == height
    assert network.cpu_s("riverside") - used < 0.1


def test_one_validator_killed_the_others_go_on(network: Network, client: LedgerClient, person: Cast) -> None:
    network.kill("north-lake")
    began = time.monotonic()
    for number in range(5):
        client.commit(person(f"one dead {number}").registers())
    assert time.monotonic() - began < 5
    network.start("north-lake")
    network.until(lambda: network.same_state(), "the returned validator has caught up")


def test_two_killed_halts_without_loss_and_one_return_resumes(
    network: Network, client: LedgerClient, person: Cast
) -> None:
    network.kill("hillside", "riverside")
    wire = person("while two are dead").registers()
    with pytest.raises(LedgerUnavailable, match="2 of 4 validators"):
        client.commit(wire, timeout_s=1)
    assert not client.status().quorum
    network.start("riverside")
    done = client.commit(wire, timeout_s=10)
    assert client.commit(wire) == done
    assert sum(event.tx_hash == done.tx_hash for event in client.events_since(Cursor())) == 1


def test_kill_during_load_then_restart_gives_one_state_and_no_double_sign(
    network: Network, client: LedgerClient, person: Cast
) -> None:
    stop = threading.Event()
    committed: list[str] = []

    def load() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            wire = person(f"load {threading.get_ident()} {number}").registers()
            committed.append(client.commit(wire, timeout_s=20).tx_hash)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for name in ("riverside", "health-authority", "riverside"):
        time.sleep(0.3)
        network.kill(name)
        network.start(name)
    stop.set()
    for thread in threads:
        thread.join(30)
    network.until(lambda: network.same_state(), "everyone has one state")
    seen = [event.tx_hash for event in client.events_since(Cursor(), limit=5000)]
    assert set(committed) <= set(seen)
    assert len(seen) == len(set(seen))
    for name in MONIKERS:
        assert "event=evidence" not in network.log(name)
        assert "event=halted" not in network.log(name)


def test_validator_with_an_emptied_store_catches_up_from_its_peers(
    network: Network, client: LedgerClient, person: Cast
) -> None:
    client.commit(person("before the loss").registers())
    network.kill("hillside")
    data = network.home / "hillside" / "data"
    for name in ("blocks.log", "wal.log"):
        (data / name).unlink(missing_ok=True)
    shutil.rmtree(data / "snapshots")
    network.start("hillside")
    network.until(lambda: network.same_state(), "the empty validator has every block")
    client.commit(person("after the loss").registers())
    network.until(lambda: network.same_state(), "it takes part again")


def test_all_restarted_resume_where_they_were(network: Network, client: LedgerClient, person: Cast) -> None:
    before = client.events_since(Cursor(), limit=5000)
    network.kill()
    network.start()
    network.until(lambda: network.same_state(), "all are back")
    assert client.events_since(Cursor(), limit=5000) == before
    client.commit(person("after the night").registers())


def test_rpc_errors_are_json_without_traceback(doors: list[str]) -> None:
    url = doors[-1]
    asked = [
        ({"method": "nothing"}, -32601),
        ({"method": "block", "params": {"height": "0"}}, -32603),
        ({"method": "block", "params": {"height": "many"}}, -32602),
        ({"method": "tx", "params": {"hash": 7.5}}, -32602),
        ({"method": "broadcast_tx_sync", "params": {"tx": "%%%"}}, -32602),
        ({"method": "abci_query", "params": {"data": "zz"}}, -32602),
        ({"method": "abci_query", "params": {"data": "61", "height": "999999"}}, -32603),
    ]
    for request, code in asked:
        answer = httpx.post(url, json={"jsonrpc": "2.0", "id": 1, **request}, trust_env=False)
        assert answer.json()["error"]["code"] == code
        assert "Traceback" not in answer.text
    assert httpx.post(url, content=b"[" * 100_000, trust_env=False).json()["error"]["code"] == -32700
    assert httpx.get(f"{url}/health", trust_env=False).json()["result"] == {}


def test_any_validator_serves_light_blocks_and_bundles_for_others_to_check(
    network: Network, client: LedgerClient, doors: list[str], person: Cast
) -> None:
    """What a service passes on to phones: each validator's own word, and proofs that verify without us."""
    done = client.commit(person("Passed On").registers())
    key = f"did/{person('Passed On').did}"
    network.until(lambda: network.same_state(), "every validator has the block")
    blocks = [light_block_from_json(client.light_block(source, done.height)) for source in range(len(doors))]
    assert {block.header.height for block in blocks} == {done.height}
    assert len({block.header.hash for block in blocks}) == 1
    root = Root.of_genesis(Genesis.from_json(network.genesis))
    proven = verify_bundle(client.state_bundle(key), root, Options(3600 * 10**9), time.time_ns() + 10**9)
    assert isinstance(proven, Proven)
    assert isinstance(proven.fact, StateFact)
    assert proven.fact.height >= done.height
    assert client.state_bundle("did/nobody")["value"] is None
    for source, height in ((len(doors), None), (-1, None), (0, done.height + 1000)):
        with pytest.raises(NotFound):
            client.light_block(source, height)
