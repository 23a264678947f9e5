"""What the index of events costs: `python -m bench.event_index [transactions]`.

Blocks of 500 transactions with the events of an anchored record each, stored in a real block log. Figures:
bytes of memory and microseconds per transaction to build the index (reading the blocks included), and
milliseconds to find one transaction by a value of its event, to the block that holds it.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.common import foreign_load, percentile, report
from ledger.machine.results import Event
from ledger.node.block_store import BlockStore, StoredBlock
from ledger.node.event_index import EventIndex
from ledger.node.executor import ResultRecord
from ledger.types import proto
from ledger.types.canonical import b64u_encode

TXS_PER_BLOCK = 500
TX_BYTES = 600
SEARCHES = 50


def value_of(number: int) -> str:
    """An anchor's id: 22 characters."""
    return b64u_encode(number.to_bytes(16, "big"))


def block(height: int) -> StoredBlock:
    first = (height - 1) * TXS_PER_BLOCK
    numbers = range(first, first + TXS_PER_BLOCK)
    results = tuple(
        ResultRecord(0, "", (Event("record_anchored", (("anchor", value_of(n)), ("subject", subject(n)))),))
        for n in numbers
    )
    txs = tuple(n.to_bytes(8, "big") + os.urandom(TX_BYTES - 8) for n in numbers)
    data = b"".join(proto.message(1, tx) for tx in txs)
    encoded = b"".join(proto.message(field, data if field == 2 else b"") for field in range(1, 5))
    return StoredBlock(height, os.urandom(32), encoded, b"", msgspec.msgpack.encode(results), b"")


def subject(number: int) -> str:
    """A pseudonym with ten records."""
    return "did:salus:u" + b64u_encode((number // 10).to_bytes(32, "big"))


def find(index: EventIndex, value: str) -> int:
    at = index.base
    while at <= index.height:
        height, at = index.next_with_value("record_anchored.anchor", value, range(at, index.height + 1))
        if height is not None:
            return height
    raise AssertionError(f"{value} was not found")


def main(count: int) -> None:
    load = foreign_load()
    with tempfile.TemporaryDirectory() as folder:
        store = BlockStore(Path(folder) / "blocks.log")
        for height in range(1, count // TXS_PER_BLOCK + 1):
            store.append(block(height))
        index = EventIndex(store)
        began = time.perf_counter()
        asyncio.run(index.catch_up())
        took = time.perf_counter() - began
        times = []
        for number in range(0, count, count // SEARCHES):
            began = time.perf_counter()
            assert find(index, value_of(number)) == number // TXS_PER_BLOCK + 1
            times.append(1000 * (time.perf_counter() - began))
        store.close()
    figures = {
        "transactions": count,
        "bytes_per_tx": index.size / count,
        "us_per_tx": 1e6 * took / count,
        "find_p50_ms": statistics.median(times),
        "find_p99_ms": percentile(times, 0.99),
    }
    report("event_index", figures, runs=SEARCHES, load=load)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500_000)
