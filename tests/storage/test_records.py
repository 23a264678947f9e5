"""Records in and out: whole, in part, with providers that are gone, lie, are slow or do not end."""

import io
import itertools
import os
import threading
import time

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.api import (
    CallerError,
    ChunkInvalid,
    InconsistentStripe,
    KeyReused,
    NotEnoughShards,
    UnknownManifest,
    WrongKey,
    content_id,
    parse_manifest,
    stream_in_thread,
)
from storage.models import Manifest as ManifestRow
from storage.models import Placement
from storage.providers.base import ProviderUnavailable

from .conftest import CHUNK, Bench, new_id

pytestmark = pytest.mark.django_db
STRIPE = 4 * CHUNK
EDGES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, STRIPE - 1, STRIPE, STRIPE + 1, 3 * STRIPE + 5, 20 * STRIPE]
PAIRS = list(itertools.combinations(range(6), 2))
same_database = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@pytest.mark.parametrize("size", EDGES)
def test_what_was_put_is_read(bench: Bench, size: int) -> None:
    data = os.urandom(size)
    stored, key = bench.put(data)
    assert bench.get(stored, key) == data
    manifest = parse_manifest(bench.storage.manifest(stored.manifest), stored.manifest)
    assert (stored.size, stored.root, stored.codec) == (size, manifest.root, manifest.codec)
    kept = sum(len(o) for p in bench.providers for o in p.memory.objects.values())
    assert stored.stored_size == kept


@same_database
@given(size=st.integers(0, 3 << 20), pair=st.sampled_from(PAIRS), seed=st.integers(0, 255))
def test_any_size_is_read_with_any_two_providers_lost(size: int, pair: tuple[int, int], seed: int) -> None:
    bench = Bench(chunk=1 << 20, segment=64 << 20)
    data = bytes([seed]) * (size // 2) + os.urandom(size - size // 2)
    stored, key = bench.put(data)
    for lost in pair:
        bench.providers[lost].wipe()
    assert bench.get(stored, key) == data


@pytest.mark.parametrize(
    "size", [3 * STRIPE + 5, 1, 4 * (1 << 20) + 1], ids=["four stripes", "one byte", "1 MiB chunks"]
)
@pytest.mark.parametrize("how", ["corrupted", "swapped", "cut", "longer", "another's"])
def test_any_two_providers_with_wrong_bytes_change_nothing(how: str, size: int) -> None:
    bench = Bench(chunk=1 << 20, segment=64 << 20) if size > 1 << 20 else Bench()
    data = os.urandom(size)
    stored, key = bench.put(data)
    other = next(iter(bench.providers[0].memory.objects))
    bench.put(os.urandom(size))
    for pair in PAIRS if size < 1 << 20 else PAIRS[::5]:
        for index in pair:
            spoil(bench, index, how, other)
        assert bench.get(stored, key) == data, pair
        for index in pair:
            bench.providers[index].on_read = bench.providers[index].memory.read


def spoil(bench: Bench, index: int, how: str, other: str) -> None:
    """Make a provider answer wrongly from now on."""
    memory = bench.providers[index].memory
    neighbour = bench.providers[(index + 1) % 6].memory
    wrong = {
        "corrupted": lambda name, at, n: bytes(b ^ 1 for b in memory.read(name, at, n)),
        "swapped": lambda name, at, n: neighbour.read(name, at, n),
        "cut": lambda name, at, n: memory.read(name, at, n)[:-1],
        "longer": lambda name, at, n: memory.read(name, at, n) + b"\x00" * 1000,
        "another's": lambda name, at, n: memory.read(sorted(set(memory.objects) - {name})[0], 0, n),
    }
    bench.providers[index].on_read = wrong[how]


def test_old_bytes_of_an_earlier_version_are_not_taken(bench: Bench) -> None:
    key_1, key_2, record = os.urandom(32), os.urandom(32), new_id()
    bench.storage.put(io.BytesIO(b"1" * 900), record_id=record, version=1, data_key=key_1)
    old = [dict(p.memory.objects) for p in bench.providers]
    new = bench.storage.put(io.BytesIO(b"2" * 900), record_id=record, version=2, data_key=key_2)
    for provider, objects in list(zip(bench.providers, old, strict=True))[:2]:
        body = next(iter(objects.values()))
        provider.on_read = lambda name, at, n, body=body: body[at : at + n]
    assert bench.get(new, key_2) == b"2" * 900


def test_three_providers_gone_is_an_error_that_names_each(bench: Bench) -> None:
    stored, key = bench.put(os.urandom(1000))
    bench.providers[0].wipe()
    bench.providers[2].on_read = lambda name, at, n: bytes(n)

    def down(name: str, at: int, n: int) -> bytes:
        raise ProviderUnavailable("provider-5", "read", name, "connection refused")

    bench.providers[4].on_read = down
    with pytest.raises(NotEnoughShards) as error:
        bench.get(stored, key)
    assert (error.value.needed, error.value.got) == (4, 3)
    assert error.value.per_provider == {
        "provider-1": "no such object",
        "provider-3": "gave wrong bytes (hash differs)",
        "provider-5": "connection refused",
    }


def test_a_later_stripe_lost_gives_right_bytes_before_and_none_after(bench: Bench) -> None:
    data = os.urandom(3 * STRIPE)
    stored, key = bench.put(data)
    shard = CHUNK + 16
    for provider in bench.providers[:3]:
        read = provider.memory.read
        provider.on_read = lambda name, at, n, read=read: read(name, at, n) if at < shard else bytes(n)
    chunks = bench.storage.read(stored.manifest, key)
    assert b"".join(next(chunks) for _ in range(4)) == data[:STRIPE]
    with pytest.raises(NotEnoughShards):
        next(chunks)
    assert next(chunks, None) is None


def test_two_slow_providers_are_overtaken(bench: Bench) -> None:
    data = os.urandom(10 * STRIPE)
    stored, key = bench.put(data)
    release = threading.Event()
    for slot in (0, 1):
        bench.at_slot(stored, slot).hang(release)
    started = time.monotonic()
    try:
        assert bench.get(stored, key) == data
    finally:
        release.set()
    assert time.monotonic() - started < 1.5, "ten stripes, but it is waited for once"


def test_three_providers_that_never_answer_end_in_an_error(bench: Bench) -> None:
    stored, key = bench.put(os.urandom(100))
    release = threading.Event()
    for provider in bench.providers[:3]:
        provider.hang(release)
    try:
        with pytest.raises(NotEnoughShards) as error:
            bench.get(stored, key)
    finally:
        release.set()
    assert set(error.value.per_provider.values()) == {"did not answer in 2 s"}


def test_a_sick_provider_is_asked_last_from_then_on(bench: Bench) -> None:
    stored, key = bench.put(os.urandom(12 * STRIPE))
    sick = bench.at_slot(stored, 0)
    sick.wipe()
    for _ in range(3):
        bench.get(stored, key)
    assert 3 <= sick.reads <= 6, "twelve stripes each: only those fetched ahead of the first failure ask it"


async def test_an_async_response_gets_the_chunks_one_by_one() -> None:
    source = iter([b"one", b"two", b"three"])
    stream = stream_in_thread(source)
    assert await anext(stream) == b"one"
    assert next(source) == b"two", "nothing is read ahead"
    assert [chunk async for chunk in stream] == [b"three"]


def test_another_key_opens_nothing(bench: Bench) -> None:
    stored, _ = bench.put(b"blood group 0 negative")
    for provider in bench.providers:
        provider.reads = 0
    with pytest.raises(WrongKey):
        bench.storage.read(stored.manifest, os.urandom(32))
    assert sum(p.reads for p in bench.providers) == 0


def test_a_record_that_was_never_stored_is_unknown(bench: Bench) -> None:
    cid = content_id(b"nothing")
    for call in (bench.storage.manifest, bench.storage.read_ciphertext, bench.storage.erase):
        with pytest.raises(UnknownManifest):
            call(cid)


def test_mallory_who_swaps_manifest_rows_is_noticed(bench: Bench) -> None:
    mine, key = bench.put(b"mine")
    theirs, _ = bench.put(b"theirs")
    row = ManifestRow.objects.get(pk=mine.manifest)
    row.body = bench.storage.manifest(theirs.manifest)
    row.save()
    with pytest.raises(Exception, match=r"\(cid\)"):
        bench.get(mine, key)


def test_mallory_who_swaps_placements_gets_no_wrong_byte(bench: Bench) -> None:
    mine, key = bench.put(b"m" * 500)
    theirs, _ = bench.put(b"t" * 500)
    stolen = dict(Placement.objects.filter(manifest_id=theirs.manifest).values_list("slot", "pack_id"))
    for placement in Placement.objects.filter(manifest_id=mine.manifest, slot__lt=3):
        placement.pack_id = stolen[placement.slot]
        placement.save()
    with pytest.raises(NotEnoughShards):
        bench.get(mine, key)


def test_shards_that_are_no_code_word_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that anchors parity of something else could show two readers two records."""
    monkeypatch.setattr(
        "storage.services.encode.parity_shards", lambda k, n, stripe: [bytes(len(stripe) // k)] * (n - k)
    )
    stored, key = bench.put(os.urandom(STRIPE))
    bench.at_slot(stored, 0).wipe()
    with pytest.raises(InconsistentStripe):
        bench.get(stored, key)


def test_a_grantee_who_forges_a_chunk_under_the_true_key_is_refused(bench: Bench) -> None:
    stored, key = bench.put(b"penicillin: no")
    forged_bench = Bench()
    forged_bench.put(b"penicillin: ok", os.urandom(32))
    for true, false in zip(bench.providers, forged_bench.providers, strict=True):
        body = next(iter(false.memory.objects.values()))
        true.on_read = lambda name, at, n, body=body: body[at : at + n]
    with pytest.raises(NotEnoughShards):
        bench.get(stored, key)


@pytest.mark.parametrize(("first", "count"), [(0, 1), (3, 2), (7, 1), (8, None), (9, 4)])
def test_a_range_of_chunks_is_read_alone(bench: Bench, first: int, count: int | None) -> None:
    data = os.urandom(12 * CHUNK + 10)
    stored, key = bench.put(data)
    end = None if count is None else (first + count) * CHUNK
    assert (
        b"".join(bench.storage.read(stored.manifest, key, first=first, count=count))
        == data[first * CHUNK : end]
    )


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0), (13, 1), (12, 2)])
def test_a_range_outside_the_record_is_refused(bench: Bench, first: int, count: int) -> None:
    stored, key = bench.put(os.urandom(12 * CHUNK + 10))
    with pytest.raises(CallerError):
        bench.storage.read(stored.manifest, key, first=first, count=count)


def test_the_ciphertext_has_no_plaintext_and_opens_chunk_by_chunk(bench: Bench) -> None:
    data = b"Li Mei, HIV negative. " * 40
    stored, _ = bench.put(data)
    ciphertext = b"".join(bench.storage.read_ciphertext(stored.manifest))
    manifest = parse_manifest(bench.storage.manifest(stored.manifest))
    assert len(ciphertext) == manifest.layout.ciphertext_size
    everywhere = [ciphertext, *(o for p in bench.providers for o in p.memory.objects.values())]
    assert not any(b"HIV" in place for place in everywhere)


def test_a_chunk_altered_in_memory_ends_the_plaintext(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, key = bench.put(os.urandom(100))
    monkeypatch.setattr("storage.core.layout.Layout.is_last", lambda self, index: False)
    with pytest.raises(ChunkInvalid):
        bench.get(stored, key)


def test_a_data_key_encrypts_one_record_only(bench: Bench) -> None:
    _, key = bench.put(b"first")
    with pytest.raises(KeyReused):
        bench.put(b"second", key)


@pytest.mark.parametrize(
    ("record_id", "version", "key"),
    [
        ("patient-1", 1, bytes(32)),
        (new_id().upper(), 1, bytes(32)),
        (new_id(), 0, bytes(32)),
        (new_id(), 1, bytes(16)),
    ],
    ids=["no uuid", "upper case", "version 0", "short key"],
)
def test_bad_arguments_are_refused_before_anything_happens(
    bench: Bench, record_id: str, version: int, key: bytes
) -> None:
    with pytest.raises(CallerError):
        bench.storage.put(io.BytesIO(b"x"), record_id=record_id, version=version, data_key=key)
    assert bench.objects() == 0


@pytest.mark.django_db(transaction=True)
def test_storing_inside_a_database_transaction_is_refused(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        bench.put(b"x")
    assert bench.objects() == 0
