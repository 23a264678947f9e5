"""Speed of putting and reading: `python -m bench.storage [MB] [runs]`, on six folders, 4 of 6, with fsync.

Prints one JSON object as its last line and keeps it in bench/results/storage.json. Times are of the whole
path: encrypt, code, hash, write, sync, database row; and read, check, decrypt. The page cache is warm.
`foreign_load` is the machine's load average before the first run: above about 0.5 the figures are low.
"""

import io
import os
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from bench.common import foreign_load, report


class Zeros(io.RawIOBase):
    """A source that costs nothing to read: `size` zero bytes."""

    def __init__(self, size: int) -> None:
        self.left, self.block = size, bytes(1 << 20)

    def read(self, size: int = -1) -> bytes:
        given = self.block[: min(size, self.left)]
        self.left -= len(given)
        return given


def set_up(home: str) -> None:
    """A database and six folders below `home`."""
    os.environ["STORAGE_TEST_HOME"] = home
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.storage.process_settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(size: int, runs: int, home: str) -> dict[str, float]:
    """Medians over the runs."""
    from storage.api import StoredRecord, storage_from_settings

    storage = storage_from_settings()

    def put(source: io.IOBase, key: bytes) -> StoredRecord:
        return storage.put(source, record_id=str(uuid.uuid4()), version=1, data_key=key)  # type: ignore[arg-type]

    def read(stored: StoredRecord, key: bytes) -> None:
        assert sum(map(len, storage.read(stored.manifest, key))) == stored.size

    times: dict[str, list[float]] = {"put": [], "get": [], "small_put": [], "small_get": []}
    put(Zeros(8 << 20), os.urandom(32))
    for _ in range(runs):
        key = os.urandom(32)
        stored: list[StoredRecord] = []
        times["put"].append(seconds(lambda: stored.append(put(Zeros(size), key))))  # noqa: B023
        times["get"].append(seconds(lambda: read(stored[0], key)))  # noqa: B023
        for _ in range(20):
            small_key, small = os.urandom(32), os.urandom(60_000)
            times["small_put"].append(seconds(lambda: stored.append(put(io.BytesIO(small), small_key))))  # noqa: B023
            times["small_get"].append(seconds(lambda: read(stored[-1], small_key)))  # noqa: B023
    shutil.rmtree(Path(home, "provider-1"))
    shutil.rmtree(Path(home, "provider-2"))
    lost = statistics.median(seconds(lambda: read(stored[0], key)) for _ in range(runs))
    middle = {name: statistics.median(values) for name, values in times.items()}
    return {
        "put_mb_s": round(size / 1e6 / middle["put"], 1),
        "get_mb_s": round(size / 1e6 / middle["get"], 1),
        "get_two_providers_lost_mb_s": round(size / 1e6 / lost, 1),
        "put_60kb_ms_p50": round(middle["small_put"] * 1000, 2),
        "get_60kb_ms_p50": round(middle["small_get"] * 1000, 2),
    }


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else 200) * 1_000_000
    runs = int(sys.argv[2] if len(sys.argv) > 2 else 5)
    load = foreign_load()
    with tempfile.TemporaryDirectory(prefix="salus-bench-storage-") as home:
        set_up(home)
        figures = measure(size, runs, home)
    report("storage", {**figures, "record_mb": size / 1e6}, runs=runs, load=load)


if __name__ == "__main__":
    main()
