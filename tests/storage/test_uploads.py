"""All or nothing: uploads that share packs, fail, are given up, and what the sweep then removes."""

import io
import os
import threading
from datetime import timedelta
from typing import NoReturn

import pytest
from django.utils import timezone

from storage.api import NotEnoughProviders, Policy, Storage, UploadClosed, UploadFailed
from storage.models import KeyUse, Manifest, Pack, PendingUpload, Placement
from storage.providers.base import ObjectWriter, ProviderRefused, ProviderUnavailable

from .conftest import CHUNK, Bench, FaultyProvider, new_id

pytestmark = pytest.mark.django_db


class BrokenWriter(ObjectWriter):
    """Takes `good` writes, then fails every one and the finish."""

    def __init__(self, inner: ObjectWriter, good: int) -> None:
        self.inner, self.good = inner, good

    def write(self, data: object) -> None:
        self.good -= 1
        if self.good < 0:
            raise ProviderUnavailable("provider", "write", "x", "connection reset")
        self.inner.write(data)  # type: ignore[arg-type]

    def finish(self) -> int:
        if self.good <= 0:
            raise ProviderUnavailable("provider", "finish", "x", "connection reset")
        return self.inner.finish()

    def abort(self) -> None:
        self.inner.abort()


def break_after(provider: FaultyProvider, good: int) -> None:
    provider.on_open = lambda name: BrokenWriter(provider.memory.open(name), good)


def nothing_is_left(bench: Bench) -> bool:
    return bench.objects() == 0 and not any(
        m.objects.exists() for m in (Manifest, Pack, Placement, PendingUpload)
    )


def put(upload: object, data: bytes) -> tuple[object, bytes]:
    key = os.urandom(32)
    stored = upload.put(io.BytesIO(data), record_id=new_id(), version=1, data_key=key)  # type: ignore[attr-defined]
    return stored, key


def fail_after_putting(bench: Bench, data: bytes) -> None:
    """An upload whose caller fails once the record is put."""
    upload = bench.storage.upload()
    put(upload, data)
    upload.__exit__(ZeroDivisionError, ZeroDivisionError(), None)


def test_small_records_of_one_upload_share_one_pack_per_provider() -> None:
    bench = Bench(segment=1 << 20)
    datas = [os.urandom(n) for n in (0, 1, 10, 300, 1000)]
    with bench.storage.upload() as upload:
        done = [put(upload, data) for data in datas]
    assert bench.objects() == 6
    assert [bench.get(*d) for d in done] == datas  # type: ignore[arg-type]


def test_a_large_record_is_cut_into_segments(bench: Bench) -> None:
    data = os.urandom(CHUNK * 4 * 30)
    stored, key = bench.put(data)
    per_object = bench.policy.segment // (CHUNK + 16)
    assert bench.objects() == 6 * -(-30 // per_object)
    assert max(len(o) for p in bench.providers for o in p.memory.objects.values()) <= bench.policy.segment
    assert bench.get(stored, key) == data


def test_nothing_is_visible_before_the_upload_commits(bench: Bench) -> None:
    with bench.storage.upload() as upload:
        stored, _ = put(upload, b"x")
        assert not Manifest.objects.exists()
    assert Manifest.objects.filter(pk=stored.manifest).exists()  # type: ignore[attr-defined]


def test_an_upload_that_raises_leaves_nothing(bench: Bench) -> None:
    fail_after_putting(bench, os.urandom(3000))
    assert nothing_is_left(bench)


def test_a_source_that_fails_midway_leaves_nothing_and_its_key_is_spent(bench: Bench) -> None:
    class Torn(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 2000:
                raise OSError("the line went dead")
            return super().read(size)

    with pytest.raises(OSError, match="line"):
        bench.storage.put(Torn(os.urandom(5000)), record_id=new_id(), version=1, data_key=os.urandom(32))
    assert nothing_is_left(bench)
    assert KeyUse.objects.count() == 1


def test_an_upload_without_records_leaves_nothing(bench: Bench) -> None:
    with bench.storage.upload():
        pass
    assert nothing_is_left(bench)


@pytest.mark.parametrize("good", [0, 1, 5])
def test_a_provider_that_fails_midway_fails_the_upload_whole(bench: Bench, good: int) -> None:
    break_after(bench.providers[3], good)
    with pytest.raises(UploadFailed) as error:
        bench.put(os.urandom(CHUNK * 4 * 5))
    assert error.value.per_provider == {"provider-4": "connection reset"}
    assert nothing_is_left(bench)


def test_a_provider_that_breaks_its_contract_fails_the_upload_whole(bench: Bench) -> None:
    def broken(name: str) -> NoReturn:
        raise KeyError(name)

    bench.providers[0].on_open = broken
    with pytest.raises(UploadFailed, match="broke its contract: KeyError"):
        bench.put(b"x")
    assert nothing_is_left(bench)


def test_a_provider_that_takes_nothing_fails_the_upload_in_time() -> None:
    bench = Bench(write_timeout=0.3)
    release = threading.Event()

    class Stuck(BrokenWriter):
        def write(self, data: object) -> None:
            release.wait(20)

    bench.providers[0].on_open = lambda name: Stuck(bench.providers[0].memory.open(name), 9)
    try:
        with pytest.raises(UploadFailed, match="too slow"):
            bench.put(os.urandom(CHUNK * 4 * 10))
    finally:
        release.set()
    assert not Manifest.objects.exists()
    assert PendingUpload.objects.count() == 1, (
        "a writer that hangs may still leave an object: the sweep must know"
    )


def test_a_spare_provider_is_used_instead_of_a_sick_one() -> None:
    providers = [FaultyProvider(f"provider-{i}") for i in range(1, 8)]
    storage = Storage(list(providers), Policy(chunk=CHUNK))
    break_after(providers[0], 0)
    failures = 0
    for _ in range(12):
        try:
            storage.put(io.BytesIO(b"x"), record_id=new_id(), version=1, data_key=os.urandom(32))
        except UploadFailed:
            failures += 1
    assert failures <= 3, "three faults in a row make it sick"


def test_five_of_six_are_enough_where_the_operator_says_so() -> None:
    bench = Bench(min_write=5)
    break_after(bench.providers[3], 2)
    data = os.urandom(CHUNK * 4 * 5)
    stored, key = bench.put(data)
    bench.providers[0].wipe()
    assert bench.get(stored, key) == data
    assert Pack.objects.filter(provider="provider-4", doomed=False).count() == 0
    bench.storage.sweep()
    assert not Pack.objects.filter(provider="provider-4").exists()


def test_too_few_failure_domains_refuse_the_upload() -> None:
    providers = [FaultyProvider(f"provider-{i}", "one vendor") for i in range(6)]
    storage = Storage(list(providers), Policy())
    with pytest.raises(NotEnoughProviders):
        storage.put(io.BytesIO(b"x"), record_id=new_id(), version=1, data_key=os.urandom(32))
    assert not PendingUpload.objects.exists()


def test_a_failed_removal_is_left_to_the_sweep(bench: Bench) -> None:
    def refuse(name: str) -> NoReturn:
        raise ProviderRefused("provider-1", "abandon", name, "locked")

    bench.providers[0].on_remove = refuse
    fail_after_putting(bench, os.urandom(CHUNK * 4 * 20))
    assert PendingUpload.objects.count() == 1
    PendingUpload.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert bench.storage.sweep().waiting == {"provider-1": "locked"}
    assert PendingUpload.objects.count() == 1
    bench.providers[0].on_remove = lambda name: None
    assert bench.storage.sweep().uploads == 1
    assert nothing_is_left(bench)


def test_an_upload_that_lives_is_not_swept(bench: Bench) -> None:
    with bench.storage.upload() as upload:
        stored, key = put(upload, b"still writing")
        assert bench.storage.sweep().uploads == 0
    assert bench.get(stored, key) == b"still writing"  # type: ignore[arg-type]


def test_an_upload_that_was_swept_cannot_commit(bench: Bench) -> None:
    upload = bench.storage.upload()
    put(upload, os.urandom(CHUNK * 4 * 20))
    PendingUpload.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    bench.storage.sweep()
    with pytest.raises(UploadClosed):
        upload.__exit__(None, None, None)
    assert nothing_is_left(bench)


def test_a_finished_upload_takes_no_more(bench: Bench) -> None:
    with bench.storage.upload() as upload:
        put(upload, b"x")
    with pytest.raises(UploadClosed):
        put(upload, b"y")


def test_erasing_a_record_alone_in_its_pack_removes_its_bytes(bench: Bench) -> None:
    stored, _ = bench.put(os.urandom(5000))
    kept, key = bench.put(b"stays")
    erased = bench.storage.erase(stored.manifest)
    assert (erased.waiting, erased.shared) == (0, 0)
    assert erased.removed >= 6
    assert bench.objects() == 6
    assert bench.get(kept, key) == b"stays"


def test_erasing_a_record_in_a_shared_pack_leaves_the_others_readable() -> None:
    bench = Bench(segment=1 << 20)
    with bench.storage.upload() as upload:
        first, _ = put(upload, b"first")
        second, key = put(upload, b"second")
    assert bench.storage.erase(first.manifest).shared == 6  # type: ignore[attr-defined]
    assert bench.get(second, key) == b"second"  # type: ignore[arg-type]
    assert bench.storage.erase(second.manifest).removed == 6  # type: ignore[attr-defined]
    assert nothing_is_left(bench)


def test_an_erasure_that_a_provider_delays_is_finished_by_the_sweep(bench: Bench) -> None:
    def down(name: str) -> NoReturn:
        raise ProviderUnavailable("provider-2", "delete", name, "connection refused")

    stored, _ = bench.put(b"x")
    bench.providers[1].on_remove = down
    erased = bench.storage.erase(stored.manifest)
    assert (erased.removed, erased.waiting) == (5, 1)
    assert not Manifest.objects.exists()
    bench.providers[1].on_remove = lambda name: None
    assert bench.storage.sweep().packs == 1
    assert nothing_is_left(bench)


def test_health_tells_who_is_sick(bench: Bench) -> None:
    stored, key = bench.put(os.urandom(CHUNK * 4 * 10))
    sick = bench.at_slot(stored, 1)
    sick.wipe()
    for _ in range(4):
        bench.get(stored, key)
    told = {h.name: h for h in bench.storage.health()}
    assert (told[sick.name].healthy, told[sick.name].last_error) == (False, "no such object")
    assert sum(h.faults for h in told.values()) == told[sick.name].faults
    assert sum(h.bytes_written for h in told.values()) == stored.stored_size
