"""The page's ledger modules say the same as Python's, byte for byte, and refuse the same lies."""

import json
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from playwright.sync_api import Page

from ledger.types.signing import verify_ed25519
from tests.ledger.machine.make_vectors import FOLDER, MAKERS, rendered

pytestmark = pytest.mark.browser
AT_LEAST = {
    "canonical": 40,
    "did": 8,
    "tx": 120,
    "refused_tx": 20,
    "bytes": 40,
    "merkle": 100,
    "handles": 13,
    "state": 80,
    "light": 31,
}


@pytest.mark.parametrize("name", MAKERS)
def test_javascript_agrees_with_the_vectors(page: Page, name: str) -> None:
    report = page.evaluate("name => window.checks(name)", name)
    assert report["differences"] == []
    assert report["compared"] >= AT_LEAST[name]


@pytest.mark.parametrize("name", MAKERS)
def test_vectors_are_what_python_makes_today(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == rendered(name)


def test_published_ics23_proofs_verify_in_the_browser(page: Page, shared_data: Path) -> None:
    folder = shared_data / "vectors" / "ics23" / "smt"
    vectors = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    report = page.evaluate("vectors => window.ics23(vectors)", vectors)
    assert (report["differences"], report["compared"]) == ([], 6)


def test_a_published_cometbft_commit_verifies_in_the_browser(page: Page, shared_data: Path) -> None:
    folder = shared_data / "vectors" / "cometbft-rpc-v0.38" / "incoming"
    signed_header = json.loads((folder / "commit_at_height_10.json").read_text())["result"]["signed_header"]
    genesis = json.loads((folder / "genesis.json").read_text())["result"]["genesis"]
    validators = [
        {"pub_key": member["pub_key"], "voting_power": member["power"]} for member in genesis["validators"]
    ]
    trusted = {"chain_id": "dockerchain", "validators_hash": signed_header["header"]["validators_hash"]}
    given = {"signed_header": signed_header, "validators": validators, "trusted": trusted}
    block = page.evaluate("given => window.cometbft(given)", given)
    assert (block["height"], block["signed"], block["total"]) == (10, 1, 1)
    assert block["hash"] == signed_header["commit"]["block_id"]["hash"]


def test_signatures_are_judged_by_zip_215_as_in_python(page: Page) -> None:
    """A small-order key and R: cofactorless checks and ZIP-215 differ here, and we follow ZIP-215."""
    key = SigningKey(bytes(range(32)))
    good = bytes(key.sign(b"salus").signature)
    identity, order_four = b"\x01" + bytes(31), bytes(32)
    non_canonical_identity = (2**255 - 18).to_bytes(32, "little")
    cases = [
        (bytes(key.verify_key), b"salus", good),
        (bytes(key.verify_key), b"other", good),
        (bytes(key.verify_key), b"salus", good[:32] + bytes(32)),
        (identity, b"anything", identity + bytes(32)),
        (order_four, b"anything", order_four + bytes(32)),
        (order_four, b"anything else", identity + bytes(32)),
        (non_canonical_identity, b"anything", identity + bytes(32)),
        (b"\xff" * 32, b"anything", identity + bytes(32)),
    ]
    expected = [verify_ed25519(*case) for case in cases]
    assert expected[:5] == [True, False, False, True, True]
    got = page.evaluate("cases => window.verifies(cases)", [[part.hex() for part in case] for case in cases])
    assert got == expected
