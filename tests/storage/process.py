"""A storage process of its own, to be killed or weighed: `python -m tests.storage.process WHAT [MB]`.

- `migrate` makes the database.
- `hang` puts a record whose source stops after MB megabytes.
- `weigh` puts and reads MB megabytes, made and checked on the fly, and prints how much the process grew.
- `crowd` puts, reads and erases from eight threads at once, and prints what went wrong.
"""

import io
import json
import os
import resource
import sys
import threading
import time
import tracemalloc
from hashlib import sha256

import django

BLOCK = bytes(range(256)) * 4096


class Source(io.RawIOBase):
    """`size` bytes that repeat BLOCK; after them it ends, or hangs and says so."""

    def __init__(self, size: int, hang: bool = False) -> None:
        self.left, self.hang = size, hang

    def read(self, size: int = -1) -> bytes:
        if not self.left and self.hang:
            print("hanging", flush=True)
            time.sleep(60)
        given = BLOCK[: min(size, self.left, len(BLOCK))]
        self.left -= len(given)
        return given


def grown_mb(before: int) -> float:
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def weigh(size: int) -> dict[str, object]:
    from storage.api import storage_from_settings

    storage, key = storage_from_settings(), os.urandom(32)
    storage.put(
        Source(5 << 20), record_id=RECORD, version=1, data_key=os.urandom(32)
    )  # warm: libraries, threads
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    stored = storage.put(Source(size), record_id=RECORD, version=2, data_key=key)
    put_mb, put_python = grown_mb(before), tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.reset_peak()
    digest, read = sha256(), 0
    for chunk in storage.read(stored.manifest, key):
        digest.update(chunk)
        read += len(chunk)
    expected = sha256()
    for _ in range(size // len(BLOCK)):
        expected.update(BLOCK)
    return {
        "put_rss_mb": put_mb,
        "put_python_mb": put_python,
        "both_rss_mb": grown_mb(before),
        "get_python_mb": tracemalloc.get_traced_memory()[1] / 2**20,
        "right": (read, digest.hexdigest()) == (size, expected.hexdigest()),
    }


def crowd() -> list[str]:
    """Eight threads put, read and erase at once; what went wrong."""
    from storage.api import storage_from_settings

    storage, wrong = storage_from_settings(), list[str]()

    def one(thread: int) -> None:
        for turn in range(3):
            data, key = os.urandom(thread * 300_000 + turn), os.urandom(32)
            try:
                stored = storage.put(io.BytesIO(data), record_id=RECORD, version=1, data_key=key)
                if b"".join(storage.read(stored.manifest, key)) != data:
                    wrong.append("wrong bytes")
                storage.erase(stored.manifest)
            except Exception as error:
                wrong.append(repr(error))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


RECORD = "6f1d2c3b-4a59-4e68-8c7d-0123456789ab"


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.storage.process_settings"
    django.setup()
    what, size = sys.argv[1], int(sys.argv[2]) << 20 if len(sys.argv) > 2 else 0
    if what == "migrate":
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
    elif what == "hang":
        from storage.api import storage_from_settings

        source = Source(size, hang=True)
        storage_from_settings().put(source, record_id=RECORD, version=1, data_key=os.urandom(32))
    else:
        print(json.dumps(weigh(size) if what == "weigh" else crowd()))


if __name__ == "__main__":
    main()
