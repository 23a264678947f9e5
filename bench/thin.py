"""`python -m bench.thin [THOUSANDS]`: what a thin node takes, on one machine with its four validators.

1. Queries: THOUSANDS thousand proven states, present and absent, by eight clients at once.
2. Commits: a tenth as many transactions, each waited for with its proof, by eight clients.
3. Searches: a tenth as many again, each for one transaction by what it did.
4. Flood: transactions of 14 KB, as fast as they are taken, which makes blocks of megabytes; then 24 clients
   read all of it at once, whole ranges and blocks, results and searches, and 8 more ask and never read.

Memory is the thin node's alone: its resident set, and the highest that it ever was (VmHWM), in MiB.
"""

import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.common import foreign_load, percentile, report
from ledger.api import (
    DidRegistered,
    LedgerClient,
    LedgerError,
    TxRejected,
    b64u_encode,
    did_of,
    keyset_from_json,
    next_commitment,
    public_key_of,
    sign_tx,
)
from tests.ledger.cluster.network import CHAIN_ID, Network, Person
from tests.ledger.thin.thin_process import Thin

CLIENTS, READERS, IDLERS = 8, 24, 8
LARGE_KEYS = 8
SUITE = "MLKEM768-X25519/HKDF-SHA256/AES-256-GCM"


@contextmanager
def thin_network(folder: Path) -> Iterator[tuple[Network, Thin]]:
    """Four validators and a thin node before them."""
    network = Network.make(folder)
    network.start()
    thin = Thin(network, [node.rpc for node in network.nodes])
    try:
        thin.start()
        yield network, thin
    finally:
        if thin.process:
            thin.kill()
        network.kill()


def peak_mib(thin: Thin) -> float:
    """The most memory that the process ever had resident."""
    assert thin.process is not None
    status = Path(f"/proc/{thin.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def timed(thin: Thin, count: int, act: Callable[[LedgerClient, int], object]) -> tuple[float, list[float]]:
    """Do `act` `count` times by all clients together; per second, and how long each took in milliseconds."""
    clients, took = [thin.client() for _ in range(CLIENTS)], list[float]()

    def work(share: int) -> None:
        for number in range(share, count, CLIENTS):
            began = time.perf_counter()
            act(clients[share], number)
            took.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(CLIENTS)))
    rate = count / (time.perf_counter() - began)
    for client in clients:
        client.close()
    return rate, took


def large_registration() -> bytes:
    """A transaction of about 14 KB: somebody with as many sealing keys as a key set may have."""
    seed = os.urandom(32)
    key = {"id": "#key-0", "type": "Ed25519", "public": b64u_encode(public_key_of(seed))}
    sealing = [
        {
            "id": f"#seal-{number}",
            "suite": SUITE,
            "public": b64u_encode(os.urandom(1216)),
            "epoch": number + 1,
        }
        for number in range(LARGE_KEYS)
    ]
    following = next_commitment(public_key_of(os.urandom(32)))
    keyset = keyset_from_json({"keys": [key], "sealing": sealing, "next": following})
    now = time.time_ns() // 1_000_000
    did = did_of(keyset)
    nonce = b64u_encode(os.urandom(16))
    body = DidRegistered(
        ledger=CHAIN_ID,
        author=did,
        nonce=nonce,
        issued_at=now,
        not_after=now + 3_600_000,
        did=did,
        keyset=keyset,
        custody="self",
    )
    return sign_tx(body, "#key-0", seed)


def search(thin: Thin, http: httpx.Client, did: str) -> None:
    """Find this person's registration. Raises AssertionError when it is not found."""
    asked = {"query": f"did_registered.did='{did}'", "prove": True}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tx_search", "params": asked}
    answer = http.post(thin.url, json=request).json()
    assert answer["result"]["total_count"] == "1", answer


def flood(thin: Thin, count: int) -> int:
    """Submit `count` large transactions; how many were taken."""
    wires, taken = iter([large_registration() for _ in range(count)]), list[int]()
    lock = threading.Lock()

    def push() -> None:
        client = thin.client()
        while True:
            with lock:
                wire = next(wires, None)
            if wire is None:
                return client.close()
            try:
                client.submit(wire)
                taken.append(1)
            except (TxRejected, LedgerError):
                time.sleep(0.05)

    threads = [threading.Thread(target=push) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(taken)


def read_everything(thin: Thin, seconds: float) -> tuple[int, int]:
    """Ask for all of it at once, again and again: how many answers came, how many said "busy"."""
    tip, until = thin.height(), time.monotonic() + seconds
    idle = [_idler(thin, tip) for _ in range(IDLERS)]

    def read(number: int) -> tuple[int, int]:
        served = busy = 0
        with httpx.Client(timeout=60, trust_env=False) as http:
            while time.monotonic() < until:
                asked = _large_question(number, 1 + (served * READERS + number) % tip, tip)
                answer = http.post(thin.url, json={"jsonrpc": "2.0", "id": 1, **asked})
                served, busy = served + ("result" in answer.json()), busy + (answer.status_code == 429)
        return served, busy

    with ThreadPoolExecutor(READERS) as pool:
        counts = list(pool.map(read, range(READERS)))
    for each in idle:
        each.close()
    return sum(served for served, _ in counts), sum(busy for _, busy in counts)


def _large_question(number: int, height: int, tip: int) -> dict[str, object]:
    """What reader `number` asks: the whole ledger, a block, what it came to, or a hundred transactions."""
    found = {"query": f"tx.height>={height}", "prove": True, "per_page": "100"}
    return (
        {"method": "chain_range", "params": {"from": 1, "to": tip, "full": True}},
        {"method": "block", "params": {"height": str(height)}},
        {"method": "block_results", "params": {"height": str(height)}},
        {"method": "tx_search", "params": found},
    )[number % 4]


def _idler(thin: Thin, tip: int) -> socket.socket:
    """Somebody who asks for everything and does not read it."""
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "chain_range", "params": {"from": 1, "to": tip, "full": True}}
    ).encode()
    asked = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    made = socket.create_connection(("127.0.0.1", thin.port))
    made.sendall(asked % (len(body), body))
    return made


def measure(thin: Thin, queries: int, large: int, seconds: float) -> dict[str, float]:
    """All four loads, and what they took."""
    figures = {"rss_start_mib": thin.rss_mib()}
    people = [Person(f"bench {number}") for number in range(200)]
    client = thin.client()
    client.commit(people[0].registers())
    keys = [f"did/{person.did}" for person in people]
    rate, took = timed(thin, queries, lambda one, number: one.query(keys[number % len(keys)]))
    figures |= {"queries": queries, "query_s": rate, "query_ms_p50": percentile(took, 0.5)}
    figures |= {"query_ms_p99": percentile(took, 0.99), "rss_queries_mib": peak_mib(thin)}
    commits = queries // 10
    rate, took = timed(
        thin, commits, lambda one, number: one.commit(Person(f"b {number} {time.time_ns()}").registers(), 30)
    )
    figures |= {"commits": commits, "commit_s": rate, "commit_ms_p50": percentile(took, 0.5)}
    figures |= {"commit_ms_p99": percentile(took, 0.99), "rss_commits_mib": peak_mib(thin)}
    with httpx.Client(timeout=60, trust_env=False) as http:
        rate, took = timed(thin, commits, lambda _one, number: search(thin, http, people[0].did))
    figures |= {"searches": commits, "search_s": rate, "search_ms_p50": percentile(took, 0.5)}
    figures |= {"search_ms_p99": percentile(took, 0.99), "rss_searches_mib": peak_mib(thin)}
    figures |= {"flood_taken": flood(thin, large), "flood_tx_bytes": len(large_registration())}
    served, busy = read_everything(thin, seconds)
    figures |= {"flood_reads": served, "flood_busy": busy, "rss_peak_mib": peak_mib(thin)}
    figures["rss_end_mib"] = thin.rss_mib()
    client.close()
    return figures


def main() -> None:
    thousands = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    load = foreign_load()
    with (
        tempfile.TemporaryDirectory(prefix="salus-bench-") as folder,
        thin_network(Path(folder)) as (_, thin),
    ):
        figures = measure(thin, thousands * 1000, 6_000, 20.0)
    report("thin", figures, runs=1, load=load)


if __name__ == "__main__":
    main()
