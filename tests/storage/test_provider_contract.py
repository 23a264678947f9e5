"""One suite for every provider: the contract in storage/providers/base.py, clause by clause.

S3 is a real server process (versitygw) over a folder. Where it is missing the S3 tests skip with the reason;
with CI=true that is a failure.
"""

import contextlib
import io
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.api import ConfigurationInvalid, Policy, Storage
from storage.providers.base import (
    ObjectMissing,
    Provider,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RangeMissing,
)
from storage.providers.folder import FolderProvider
from storage.providers.memory import MemoryProvider
from storage.providers.metering import MeteredProvider
from storage.providers.retry import RetryProvider
from storage.providers.s3 import PART_BYTES, S3Provider
from storage.providers.urls import provider_from_url

from .conftest import FaultyProvider, new_id

ROOT = Path(__file__).parents[2]
SECRET = "contract-suite-secret"


def versitygw() -> str:
    """The S3 server's binary, or the end of the test."""
    places = [os.environ.get("GOBIN", ""), str(Path.home() / "go" / "bin"), str(ROOT / ".tools" / "bin")]
    found = shutil.which("versitygw") or shutil.which("versitygw", path=os.pathsep.join(filter(None, places)))
    if found is None:
        missing = "versitygw, the S3 server, is missing: run `make tools`"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary, home, port = versitygw(), tmp_path_factory.mktemp("s3"), free_port()
    (home / "objects").mkdir()
    process = subprocess.Popen(
        [binary, "--port", f"127.0.0.1:{port}", "--region", "eu-north-1", "posix", str(home / "objects")],
        env={**os.environ, "ROOT_ACCESS_KEY": "salus", "ROOT_SECRET_KEY": SECRET},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the S3 server ended at its start"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the S3 server does not listen")


def s3(endpoint: str, name: str = "s3", **changes: object) -> S3Provider:
    """A provider with a bucket of its own."""
    options = {
        "endpoint": endpoint,
        "region": "eu-north-1",
        "access_key": "salus",
        "secret_key": SECRET,
        "timeout": 5.0,
    }
    provider = S3Provider(name, f"b-{new_id()}", **{**options, **changes})  # type: ignore[arg-type]
    if not changes:
        provider.client.create_bucket(Bucket=provider.bucket)
    return provider


@pytest.fixture(params=["memory", "folder", "s3", "retry over memory", "metering over folder"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Provider:
    make: dict[str, Callable[[], Provider]] = {
        "memory": lambda: MemoryProvider("memory"),
        "folder": lambda: FolderProvider("folder", tmp_path / "root"),
        "s3": lambda: s3(request.getfixturevalue("s3_endpoint")),
        "retry over memory": lambda: RetryProvider(MemoryProvider("memory")),
        "metering over folder": lambda: MeteredProvider(FolderProvider("folder", tmp_path / "root")),
    }
    return make[request.param]()


def test_what_is_finished_is_read_in_ranges(provider: Provider) -> None:
    data = os.urandom(10_000)
    writer = provider.open("packs/a/0")
    for at in range(0, 10_000, 999):
        writer.write(memoryview(data)[at : at + 999])
    assert writer.finish() == 10_000
    for offset, length in [(0, 10_000), (0, 1), (9_999, 1), (5_000, 17), (3, 0)]:
        assert provider.read("packs/a/0", offset, length) == data[offset : offset + length]
    assert provider.stat("packs/a/0").length == 10_000


def test_nothing_is_visible_before_finish_nor_after_abort(provider: Provider) -> None:
    writer = provider.open("packs/a/0")
    writer.write(b"x" * 100)
    assert list(provider.list("packs/")) == []
    with pytest.raises(ObjectMissing):
        provider.stat("packs/a/0")
    writer.abort()
    with pytest.raises(ObjectMissing):
        provider.read("packs/a/0", 0, 1)


def test_an_object_larger_than_a_part_is_whole(provider: Provider) -> None:
    data = os.urandom(PART_BYTES // 2)
    writer = provider.open("packs/large/0")
    for _ in range(5):
        writer.write(data)
    assert writer.finish() == 5 * len(data)
    assert provider.read("packs/large/0", 4 * len(data), len(data)) == data
    assert provider.read("packs/large/0", len(data) - 5, 10) == data[-5:] + data[:5]


def test_an_empty_object_is_an_object(provider: Provider) -> None:
    assert provider.put("packs/empty", b"") == 0
    assert provider.stat("packs/empty").length == 0
    assert provider.read("packs/empty", 0, 0) == b""


def test_writing_a_name_again_replaces_it(provider: Provider) -> None:
    provider.put("packs/a", b"old and longer")
    provider.put("packs/a", b"new")
    assert provider.read("packs/a", 0, 3) == b"new"
    assert provider.stat("packs/a").length == 3


@pytest.mark.parametrize(("offset", "length"), [(0, 4), (3, 1), (2, 2), (100, 1)])
def test_a_range_beyond_the_end_is_an_error_and_no_bytes(
    provider: Provider, offset: int, length: int
) -> None:
    provider.put("packs/a", b"abc")
    with pytest.raises(RangeMissing):
        provider.read("packs/a", offset, length)


def test_what_is_not_there_is_missing(provider: Provider) -> None:
    for ask in (lambda: provider.read("packs/no", 0, 1), lambda: provider.stat("packs/no")):
        with pytest.raises(ObjectMissing) as error:
            ask()
        assert not error.value.retry


def test_list_gives_names_and_lengths_under_a_prefix_in_order(provider: Provider) -> None:
    for name in ("packs/b/1", "packs/a/0", "packs/b/0", "other/b/0"):
        provider.put(name, name.encode())
    assert [(s.name, s.length) for s in provider.list("packs/b/")] == [("packs/b/0", 9), ("packs/b/1", 9)]
    assert [s.name for s in provider.list("packs/")] == ["packs/a/0", "packs/b/0", "packs/b/1"]
    assert list(provider.list("nothing/")) == []


def test_delete_removes_once_and_again_is_no_error(provider: Provider) -> None:
    provider.put("packs/a/0", b"x")
    provider.delete("packs/a/0")
    provider.delete("packs/a/0")
    assert list(provider.list("")) == []


def test_abandon_removes_objects_and_unfinished_writes_of_a_prefix_only(provider: Provider) -> None:
    provider.put("packs/a/0", b"x")
    provider.put("packs/b/0", b"y")
    left_open = provider.open("packs/a/1")
    for _ in range(3):
        left_open.write(bytes(PART_BYTES))
    provider.abandon("packs/a/")
    provider.abandon("packs/a/")
    assert [s.name for s in provider.list("")] == ["packs/b/0"]
    if isinstance(provider, S3Provider):
        assert "Uploads" not in provider.client.list_multipart_uploads(Bucket=provider.bucket)
    if isinstance(provider, FolderProvider):
        assert [f for _, _, files in os.walk(provider.root) for f in files] == ["0"]


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a//b", "a/", "A", "a b", ".hidden", "x" * 201])
def test_bad_names_are_refused(provider: Provider, name: str) -> None:
    for ask in (
        lambda: provider.open(name),
        lambda: provider.read(name, 0, 1),
        lambda: provider.delete(name),
    ):
        with pytest.raises(ProviderRefused):
            ask()


def test_abandon_of_everything_is_refused(provider: Provider) -> None:
    provider.put("packs/a", b"x")
    with pytest.raises(ProviderRefused):
        provider.abandon("")
    assert provider.stat("packs/a").length == 1


def test_threads_read_at_once(provider: Provider) -> None:
    data = os.urandom(64_000)
    provider.put("packs/a", data)
    wrong: list[int] = []

    def read(at: int) -> None:
        if provider.read("packs/a", at * 1000, 1000) != data[at * 1000 : at * 1000 + 1000]:
            wrong.append(at)

    threads = [threading.Thread(target=read, args=(at,)) for at in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_probe_is_quiet_when_all_is_well(provider: Provider) -> None:
    provider.probe()


def test_a_folder_that_vanishes_is_unavailable_and_not_made_anew(tmp_path: Path) -> None:
    folder = FolderProvider("folder", tmp_path / "root")
    folder.put("packs/a/0", b"x")
    shutil.rmtree(tmp_path / "root")
    for ask in (
        lambda: folder.read("packs/a/0", 0, 1),
        lambda: folder.open("packs/a/1"),
        lambda: list(folder.list("")),
        folder.probe,
    ):
        with pytest.raises(ProviderUnavailable):
            ask()
    assert not (tmp_path / "root").exists()


def test_s3_with_wrong_credentials_is_refused_for_good(s3_endpoint: str) -> None:
    with pytest.raises(ProviderRefused) as error:
        s3(s3_endpoint, secret_key="wrong").put("packs/a", b"x")
    assert "wrong" not in str(error.value)


def test_s3_that_does_not_listen_is_unavailable_soon() -> None:
    dead = s3(f"http://127.0.0.1:{free_port()}", timeout=1.0)
    started = time.monotonic()
    for ask in (lambda: dead.read("packs/a", 0, 1), dead.probe, lambda: dead.put("packs/a", b"x")):
        with pytest.raises(ProviderUnavailable):
            ask()
    assert time.monotonic() - started < 10


def test_s3_that_sends_without_end_gives_only_what_was_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=send_without_end, args=(server,), daemon=True).start()
        bad = s3(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=1.0)
        assert len(bad.read("packs/a", 0, 1000)) == 1000


def test_s3_that_takes_the_request_and_stays_silent_is_unavailable_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = s3(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.5)
        started = time.monotonic()
        with pytest.raises(ProviderUnavailable):
            silent.read("packs/a", 0, 1000)
        assert time.monotonic() - started < 4


def send_without_end(server: socket.socket) -> None:
    """Answer one request, and never stop."""
    connection, _ = server.accept()
    with connection, contextlib.suppress(OSError):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))


class Flaky(FaultyProvider):
    """Fails `times` reads, then answers."""

    def __init__(self, times: int, kind: type[ProviderError]) -> None:
        super().__init__("flaky")
        self.memory.put("packs/a", b"abc")
        self.times, self.kind = times, kind
        self.on_read = self.fail_first

    def fail_first(self, name: str, offset: int, length: int) -> bytes:
        self.times -= 1
        if self.times >= 0:
            raise self.kind("flaky", "read", name, "busy")
        return self.memory.read(name, offset, length)


def test_retry_asks_again_with_growing_waits() -> None:
    waits: list[float] = []
    flaky = Flaky(2, ProviderUnavailable)
    assert RetryProvider(flaky, first_wait=0.1, sleep=waits.append).read("packs/a", 0, 3) == b"abc"
    assert waits == [0.1, 0.2]


def test_retry_gives_up_after_its_attempts() -> None:
    flaky = Flaky(3, ProviderUnavailable)
    with pytest.raises(ProviderUnavailable):
        RetryProvider(flaky, attempts=3, sleep=lambda s: None).read("packs/a", 0, 3)
    assert flaky.reads == 3


def test_retry_does_not_repeat_what_is_permanent() -> None:
    flaky = Flaky(1, ProviderRefused)
    with pytest.raises(ProviderRefused):
        RetryProvider(flaky, sleep=lambda s: None).read("packs/a", 0, 3)
    assert flaky.reads == 1


def test_metering_judges_and_forgives() -> None:
    clock = [100.0]
    metered = MeteredProvider(Flaky(3, ProviderUnavailable), clock=lambda: clock[0])
    for _ in range(3):
        assert metered.health().healthy
        with pytest.raises(ProviderUnavailable):
            metered.read("packs/a", 0, 3)
    assert not metered.health().healthy
    clock[0] += 31
    assert metered.health().healthy, "it gets another chance"
    metered.read("packs/a", 0, 3)
    told = metered.health()
    assert (told.faults, told.bytes_read, told.last_error) == (3, 3, "busy")


def test_urls_name_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = provider_from_url(f"folder://{tmp_path}/north%20lake?name=nl-1&domain=north-lake")
    assert isinstance(folder, FolderProvider)
    assert (folder.name, folder.domain, folder.root) == ("nl-1", "north-lake", tmp_path / "north lake")
    monkeypatch.setenv("S3_KEYS", "access:secret")
    bucket = provider_from_url(
        "s3://shards?endpoint=http://127.0.0.1:9&region=eu-north-1&credentials=S3_KEYS"
    )
    assert isinstance(bucket, S3Provider)
    assert (bucket.name, bucket.bucket, bucket.domain) == ("shards", "shards", "shards")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "folder://relative/path",
        "folder:///",
        "folder:///a?colour=red",
        "s3://",
        "s3://b?credentials=NO_SUCH_VARIABLE",
        "s3://key:secret@b",
    ],
)
def test_urls_not_understood_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationInvalid) as error:
        provider_from_url(url)
    assert "secret@" not in str(error.value)


def test_a_storage_needs_n_providers_of_different_names() -> None:
    for names in (["a"] * 6, ["a", "b", "c", "d", "e"]):
        with pytest.raises(ConfigurationInvalid):
            Storage([MemoryProvider(name) for name in names], Policy())


@pytest.mark.django_db
def test_records_live_on_s3_with_two_buckets_destroyed(s3_endpoint: str) -> None:
    providers = [s3(s3_endpoint, f"s3-{i}") for i in range(6)]
    storage = Storage(list(providers), Policy(segment=12 << 20))
    data, key = os.urandom((50 << 20) + 7), os.urandom(32)
    stored = storage.put(io.BytesIO(data), record_id=new_id(), version=1, data_key=key)
    for lost in providers[1:3]:
        lost.abandon("packs/")
        lost.client.delete_bucket(Bucket=lost.bucket)
    assert b"".join(storage.read(stored.manifest, key)) == data
    assert storage.erase(stored.manifest).waiting == 4, (
        "two objects at each destroyed bucket wait for the sweep"
    )
