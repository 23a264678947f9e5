"""The pure rules: chunks, codes, layouts, manifests, placement; with the vectors that JavaScript runs too."""

import itertools
import json
import os
import re
from collections import Counter
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.core.cipher import ChunkCipher, is_committed, key_commitment
from storage.core.erasure import HEADER_BYTES, _driver, _headers, parity_shards, rebuild_stripe
from storage.core.errors import CallerError, ChunkInvalid, ManifestInvalid, NotEnoughProviders
from storage.core.hashing import merkle_root
from storage.core.layout import Layout
from storage.core.manifest import parse_manifest
from storage.core.placement import Candidate, choose_providers, read_order

VECTORS = Path(__file__).parents[2] / "vectors" / "storage"
RECORDS = json.loads((VECTORS / "records.json").read_text())
REFUSED = json.loads((VECTORS / "refused.json").read_text())
RECORD = "6f1d2c3b-4a59-4e68-8c7d-0123456789ab"


@pytest.mark.parametrize("case", RECORDS, ids=lambda case: case["name"])
def test_vector_manifest_says_what_the_vector_says(case: dict[str, Any]) -> None:
    body = bytes.fromhex(case["manifest"])
    manifest = parse_manifest(body, case["cid"])
    assert manifest.encode() == body
    assert (manifest.root.hex(), manifest.codec) == (case["root"], case["codec"])
    assert re.fullmatch(r"[A-Za-z0-9+/._:-]{1,64}", manifest.codec), "what the ledger takes as a codec"
    assert manifest.key_commitment.hex() == case["key_commitment"]
    assert is_committed(bytes.fromhex(case["key"]), case["record"], case["version"], manifest.key_commitment)


@pytest.mark.parametrize("case", RECORDS, ids=lambda case: case["name"])
def test_vector_ciphertext_opens_to_its_plaintext(case: dict[str, Any]) -> None:
    layout = parse_manifest(bytes.fromhex(case["manifest"])).layout
    cipher = ChunkCipher(bytes.fromhex(case["key"]), case["record"], case["version"])
    ciphertext, at, plain = bytes.fromhex(case["ciphertext"]), 0, b""
    for index in range(layout.chunks):
        end = at + layout.chunk_length(index) + 16
        plain += cipher.open(index, layout.is_last(index), ciphertext[at:end])
        at = end
    assert at == len(ciphertext) == layout.ciphertext_size
    assert plain == bytes(i % 251 for i in range(case["size"]))


@pytest.mark.parametrize("case", RECORDS, ids=lambda case: case["name"])
def test_vector_shards_are_the_cauchy_code_of_the_ciphertext(case: dict[str, Any]) -> None:
    """Against our own arithmetic in GF(2^8), so that another implementation can read the format."""
    k, n = case["k"], case["n"]
    for shards in ([bytes.fromhex(s) for s in stripe] for stripe in case["shards"]):
        for row in range(k, n):
            terms = [[gf_multiply(gf_inverse(row ^ j), byte) for byte in shards[j]] for j in range(k)]
            assert shards[row] == bytes(
                reduce(lambda a, b: a ^ b, column) for column in zip(*terms, strict=True)
            )
    layout = Layout(case["size"], case["chunk"], k, n)
    assert layout.stored_size == sum(len(s) // 2 for stripe in case["shards"] for s in stripe)


def gf_multiply(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a * (b & 1)
        a, b = (a << 1) ^ (0x11D if a & 0x80 else 0), b >> 1
    return product


def gf_inverse(a: int) -> int:
    return next(x for x in range(1, 256) if gf_multiply(a, x) == 1)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_bad_manifest_is_refused_with_its_code(case: dict[str, str]) -> None:
    body = bytes.fromhex(case["manifest"])
    with pytest.raises(ManifestInvalid) as refusal:
        parse_manifest(body)
    assert refusal.value.code == case["code"]


def test_manifest_of_another_content_id_is_refused() -> None:
    with pytest.raises(ManifestInvalid, match=r"\(cid\)"):
        parse_manifest(bytes.fromhex(RECORDS[0]["manifest"]), RECORDS[1]["cid"])


@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_flipped_bit_of_a_manifest_keeps_its_id(at: int, bit: int) -> None:
    body = bytearray.fromhex(RECORDS[10]["manifest"])
    body[at % len(body)] ^= 1 << bit
    with pytest.raises(ManifestInvalid):
        parse_manifest(bytes(body), RECORDS[10]["cid"])


@given(st.binary(max_size=300))
def test_any_bytes_are_a_manifest_or_refused(body: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        parse_manifest(body)


def test_merkle_root_follows_rfc_6962() -> None:
    def by_the_rfc(leaves: list[bytes]) -> bytes:
        from hashlib import sha256

        if len(leaves) <= 1:
            return sha256(b"".join([b"\x00", *leaves] if leaves else [])).digest()
        split = 1 << (len(leaves) - 1).bit_length() - 1
        return sha256(b"\x01" + by_the_rfc(leaves[:split]) + by_the_rfc(leaves[split:])).digest()

    for count in range(70):
        leaves = [bytes([i]) * 32 for i in range(count)]
        assert merkle_root(leaves) == by_the_rfc(leaves), count


def sealed(cipher: ChunkCipher, index: int, last: bool, plaintext: bytes) -> bytes:
    out = bytearray(len(plaintext) + 16)
    cipher.seal_into(index, last, plaintext, memoryview(out))
    return bytes(out)


KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


@pytest.mark.parametrize(
    ("cipher", "index", "last"),
    [
        (ChunkCipher(KEY, RECORD, 1), 4, False),
        (ChunkCipher(KEY, RECORD, 1), 3, True),
        (ChunkCipher(KEY, RECORD, 2), 3, False),
        (ChunkCipher(KEY, RECORD.replace("6f", "7f"), 1), 3, False),
        (ChunkCipher(OTHER, RECORD, 1), 3, False),
    ],
    ids=["moved", "said to be the last", "of another version", "of another record", "under another key"],
)
def test_chunk_out_of_its_place_does_not_open(cipher: ChunkCipher, index: int, last: bool) -> None:
    chunk = sealed(ChunkCipher(KEY, RECORD, 1), 3, False, b"Hb 13.2 g/dL")
    assert ChunkCipher(KEY, RECORD, 1).open(3, False, chunk) == b"Hb 13.2 g/dL"
    with pytest.raises(ChunkInvalid):
        cipher.open(index, last, chunk)


def test_an_index_is_never_sealed_twice() -> None:
    cipher = ChunkCipher(KEY, RECORD, 1)
    sealed(cipher, 0, False, b"one")
    with pytest.raises(CallerError, match="nonce"):
        sealed(cipher, 0, False, b"two")


def test_a_key_commitment_is_of_one_key_record_and_version() -> None:
    commitment = key_commitment(KEY, RECORD, 1)
    assert is_committed(KEY, RECORD, 1, commitment)
    assert not is_committed(OTHER, RECORD, 1, commitment)
    assert not is_committed(KEY, RECORD, 2, commitment)
    assert not is_committed(KEY[:31], RECORD, 1, key_commitment(KEY[:31], RECORD, 1))


@pytest.mark.parametrize(("k", "n"), [(4, 6), (3, 6), (10, 14), (1, 2)])
@pytest.mark.parametrize("size", [1, 2, 17, 4096])
def test_any_k_shards_rebuild_the_stripe(k: int, n: int, size: int) -> None:
    stripe = os.urandom(k * size)
    shards = [stripe[i * size : (i + 1) * size] for i in range(k)] + parity_shards(k, n, stripe)
    for chosen in itertools.islice(itertools.combinations(range(n), k), 60):
        assert rebuild_stripe(k, n, {slot: shards[slot] for slot in chosen}) == stripe, chosen


def test_the_librarys_header_depends_on_sizes_only() -> None:
    for size in (1, 7, 1048592):
        fragments = _driver(4, 6).encode(os.urandom(4 * size))
        assert tuple(f[:HEADER_BYTES] for f in fragments) == _headers(4, 6, size)
        assert {len(f) for f in fragments} == {HEADER_BYTES + size}


def test_fewer_than_k_shards_rebuild_nothing() -> None:
    with pytest.raises(CallerError):
        rebuild_stripe(4, 6, {0: b"a", 1: b"b", 5: b"c"})


@given(size=st.integers(0, 5000), chunk=st.integers(1, 200), k=st.integers(1, 8), more=st.integers(1, 4))
def test_layout_places_every_byte_once(size: int, chunk: int, k: int, more: int) -> None:
    layout = Layout(size, chunk, k, k + more)
    stripes = [layout.stripe(i) for i in range(layout.stripes)]
    assert sum(layout.chunk_length(i) for i in range(layout.chunks)) == size
    assert sum(s.length for s in stripes) == layout.ciphertext_size
    assert [s.first_chunk for s in stripes] == list(range(0, layout.chunks, k))
    assert sum(s.chunks for s in stripes) == layout.chunks
    assert layout.stored_size == sum(s.shard_size for s in stripes) * layout.n
    assert all(s.shard_size == chunk + 16 for s in stripes[:-1])
    assert all(0 <= k * s.shard_size - s.length < k for s in stripes)


SIX = [Candidate(f"provider-{i}", f"domain-{i}") for i in range(6)]


@given(seed=st.binary(max_size=8), domains=st.lists(st.integers(0, 5), min_size=6, max_size=12))
def test_losing_any_one_domain_leaves_k(seed: bytes, domains: list[int]) -> None:
    candidates = [Candidate(f"p{i}", f"domain-{d}", healthy=i % 3 > 0) for i, d in enumerate(domains)]
    possible = sum(min(2, count) for count in Counter(domains).values()) >= 6
    if not possible:
        with pytest.raises(NotEnoughProviders):
            choose_providers(candidates, k=4, n=6, seed=seed)
        return
    chosen = choose_providers(candidates, k=4, n=6, seed=seed)
    assert len(set(chosen)) == 6
    domain_of = {c.name: c.domain for c in candidates}
    assert max(Counter(domain_of[name] for name in chosen).values()) <= 2


def test_every_provider_gets_parity_as_often() -> None:
    parity = Counter(
        name for i in range(600) for name in choose_providers(SIX, k=4, n=6, seed=str(i).encode())[4:]
    )
    assert set(parity) == {c.name for c in SIX}
    assert max(parity.values()) < 1.5 * min(parity.values())


def test_an_unhealthy_provider_is_used_only_when_needed() -> None:
    sick = [Candidate("sick", "sick", healthy=False), *SIX]
    assert "sick" not in choose_providers(sick, k=4, n=6, seed=b"")
    assert "sick" in choose_providers(sick[:6], k=4, n=6, seed=b"")


def test_reading_asks_healthy_data_slots_then_healthy_parity_by_speed() -> None:
    slots = [(0, True, 0.5), (1, False, 0.1), (2, True, 0.1), (3, True, 0.1), (4, True, 0.4), (5, True, 0.2)]
    assert read_order(slots, k=4) == [0, 2, 3, 5, 4, 1]
