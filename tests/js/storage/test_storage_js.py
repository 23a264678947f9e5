"""The browser's half of the storage format, in Chromium, over the vectors that Python runs too."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from storage.core.cipher import ChunkCipher, key_commitment
from storage.core.layout import Layout
from storage.core.manifest import Manifest, content_id
from storage.services.encode import coded_stripes

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "vectors" / "storage"
RECORDS = json.loads((VECTORS / "records.json").read_text())
REFUSED = json.loads((VECTORS / "refused.json").read_text())
CASE = next(case for case in RECORDS if case["size"] == 500)
PLAIN = bytes(i % 251 for i in range(1000))


def open_record(page: Page, case: dict[str, Any], piece: int = 7) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate("([item, piece]) => salus.open(item, piece)", [case, piece])
    return answer


def test_every_vector_manifest_is_read_as_python_reads_it(page: Page) -> None:
    for case in RECORDS:
        told = page.evaluate("([body, cid]) => salus.parse(body, cid)", [case["manifest"], case["cid"]])
        assert told == {"root": case["root"], "codec": case["codec"], "keyCommitment": case["key_commitment"]}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_every_bad_manifest_is_refused_with_pythons_code(page: Page, case: dict[str, str]) -> None:
    assert page.evaluate("body => salus.parse(body)", case["manifest"]) == {"code": case["code"]}


def test_manifest_of_another_content_id_is_refused(page: Page) -> None:
    arguments = [RECORDS[0]["manifest"], RECORDS[1]["cid"]]
    assert page.evaluate("([body, cid]) => salus.parse(body, cid)", arguments) == {"code": "cid"}


def test_manifest_whose_root_is_not_the_ledgers_is_refused(page: Page) -> None:
    arguments = [CASE["manifest"], CASE["cid"], RECORDS[0]["root"]]
    assert page.evaluate("([body, cid, root]) => salus.parse(body, cid, root)", arguments) == {"code": "root"}


@pytest.mark.parametrize("piece", [1, 7, 48, 100_000])
def test_every_vector_opens_however_the_stream_is_cut(page: Page, piece: int) -> None:
    for case in RECORDS:
        assert open_record(page, case, piece) == {"plaintext": PLAIN[: case["size"]].hex()}, case["name"]


def test_another_key_opens_nothing(page: Page) -> None:
    assert open_record(page, {**CASE, "key": "00" * 32}) == {"code": "wrong-key", "plaintext": ""}


def test_manifest_of_another_record_is_refused(page: Page) -> None:
    other = CASE["record"].replace("6f", "7f")
    assert open_record(page, {**CASE, "record": other}) == {"code": "wrong-key", "plaintext": ""}


@pytest.mark.parametrize("at", [0, 191, 192, 400, -1])
def test_a_flipped_bit_ends_the_record_before_its_stripe(page: Page, at: int) -> None:
    ciphertext = bytearray.fromhex(CASE["ciphertext"])
    ciphertext[at] ^= 1
    answer = open_record(page, {**CASE, "ciphertext": ciphertext.hex()})
    stripe = (at % len(ciphertext)) // 192
    assert answer == {"code": "corrupt", "plaintext": PLAIN[: stripe * 128].hex()}


def test_chunks_swapped_within_a_stripe_are_refused(page: Page) -> None:
    whole = bytes.fromhex(CASE["ciphertext"])
    swapped = whole[48:96] + whole[:48] + whole[96:]
    assert open_record(page, {**CASE, "ciphertext": swapped.hex()}) == {"code": "corrupt", "plaintext": ""}


@pytest.mark.parametrize("cut", [1, 16, 48, 300])
def test_a_record_cut_at_its_end_is_an_error(page: Page, cut: int) -> None:
    whole = bytes.fromhex(CASE["ciphertext"])
    assert open_record(page, {**CASE, "ciphertext": whole[:-cut].hex()})["code"] == "length"


def test_bytes_after_the_end_are_an_error(page: Page) -> None:
    assert open_record(page, {**CASE, "ciphertext": CASE["ciphertext"] + "00"})["code"] == "length"


def test_a_forged_stripe_under_the_true_key_is_refused(page: Page) -> None:
    """Mallory was granted the same record, so holds its key, and stands between us and the server."""
    key, record = bytes.fromhex(CASE["key"]), CASE["record"]
    stripes = coded_stripes(
        io.BytesIO(b"penicillin: ok".ljust(500)), ChunkCipher(key, record, 1), k=4, n=6, chunk=32
    )
    layout = Layout(500, 32, 4, 6)
    forged = b"".join(b"".join(s.shards[:4])[: layout.stripe(s.index).length] for s in stripes)
    assert len(forged) * 2 == len(CASE["ciphertext"])
    assert open_record(page, {**CASE, "ciphertext": forged.hex()}) == {"code": "corrupt", "plaintext": ""}


@pytest.fixture
def served_folder() -> Iterator[Path]:
    """A folder under the file server's root."""
    folder = ROOT / "var" / f"js-storage-{os.getpid()}"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


def test_a_record_of_full_size_chunks_is_fetched_and_opened(page: Page, served_folder: Path) -> None:
    data, key, record = os.urandom((9 << 20) + 5), os.urandom(32), CASE["record"]
    stripes = list(coded_stripes(io.BytesIO(data), ChunkCipher(key, record, 1), k=4, n=6, chunk=1 << 20))
    layout = Layout(len(data), 1 << 20, 4, 6)
    hashes = b"".join(sha256(shard).digest() for stripe in stripes for shard in stripe.shards)
    body = Manifest(record, 1, layout, key_commitment(key, record, 1), hashes).encode()
    (served_folder / "manifest").write_bytes(body)
    ciphertext = (b"".join(s.shards[:4])[: layout.stripe(s.index).length] for s in stripes)
    (served_folder / "ciphertext").write_bytes(b"".join(ciphertext))
    item = {"key": key.hex(), "record": record, "cid": content_id(body)}
    told = page.evaluate(
        "([folder, item]) => salus.fetchAndOpen(folder, item)", [f"/var/{served_folder.name}", item]
    )
    assert told == {"size": len(data), "sha256": sha256(data).hexdigest()}
