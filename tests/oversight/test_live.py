"""The explorer on a real ledger whose validators come, change and lie: what it says is what happened."""

import html
import re

import pytest
from django.test import Client

from ledger.api import Cursor, LedgerClient
from tests.oversight.conftest import LI_MEI


def words_of(regulator: Client, path: str) -> str:
    """What a reader sees of a page: its text, one space between words."""
    answer = regulator.get(path, follow=True)
    assert answer.status_code == 200, path
    body = answer.content.decode().split("<main", 1)[1].split("</main", 1)[0]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def test_the_first_page_alarms_counts_and_lists(regulator: Client, reader: LedgerClient) -> None:
    words = words_of(regulator, "/oversight/")
    assert "Alarm: no fault is tolerated (f = 0)." in words
    assert "Organisations registered 2" in words
    assert "Proposals 1 " in words
    assert "Votes on proposals 3" in words
    assert "3 of 3 validators count the same" in words
    assert f"Latest block {reader.status().height}" in words
    assert "riverside 14 · 41.2 %" in words


def test_validators_tell_their_history(regulator: Client) -> None:
    words = words_of(regulator, "/oversight/validators/")
    assert re.search(r"Power changed from 10 to 14 at block \d+", words)
    gone = words.split("No longer voting")[1]
    assert "health-authority at fault" in gone
    assert re.search(r"Voted twice for one place; without power since block \d+", gone)
    assert words.count("Since the beginning, unchanged") == 2


def test_evidence_leads_to_the_block_that_holds_it(regulator: Client, reader: LedgerClient) -> None:
    (block,) = reader.blocks_with_faults()
    words = words_of(regulator, "/oversight/evidence/")
    assert "health-authority signed two votes for one place" in words
    assert f"Proven in block {block.height}" in words
    assert block.faults[0].address in words
    assert "health-authority signed two votes" in words_of(regulator, f"/oversight/blocks/{block.height}/")


def test_a_transaction_is_found_by_its_hash_and_proven(regulator: Client, reader: LedgerClient) -> None:
    event = next(one for one in reader.events_since(Cursor(), 1_000) if one.body.get("did") == LI_MEI.did)
    for asked in (event.tx_hash, event.tx_hash.lower(), f"0x{event.tx_hash}"):
        words = words_of(regulator, f"/oversight/search/?q={asked}")
        assert "A patient's pseudonym was registered" in words
        assert "Proven to be on the ledger. It is transaction 1 of 1 in this block." in words
        assert event.tx_hash in words
        assert f"did {LI_MEI.did}" in words


def test_a_block_is_found_by_height_and_by_hash(regulator: Client, reader: LedgerClient) -> None:
    tip = reader.blocks(limit=3)[2]
    for asked in (str(tip.height), tip.hash, tip.hash.lower()):
        words = words_of(regulator, f"/oversight/search/?q={asked}")
        assert f"Block {tip.height}" in words
        assert tip.hash in words


@pytest.mark.parametrize("asked", ["", "0", "999999999", "Li Mei", "AB" * 32, "AB" * 31 + "0g", "<script>"])
def test_what_is_not_there_is_said_and_what_cannot_be_is_explained(regulator: Client, asked: str) -> None:
    answer = regulator.get("/oversight/search/", {"q": asked})
    assert answer.status_code == 404
    words = answer.content.decode()
    known = asked.isdigit() or asked == "AB" * 32
    assert ("neither a block nor a transaction" in words) is known
    assert ("neither a block number nor a hash" in words) is not known
    assert "<script>" not in words.split("<main", 1)[1].split("</main", 1)[0]


def test_pages_follow_one_another_down_to_the_first_block(regulator: Client, reader: LedgerClient) -> None:
    height, seen, path = reader.status().height, [], "/oversight/"
    while path:
        page = regulator.get(path).content.decode()
        seen += [int(one) for one in re.findall(r"/oversight/blocks/(\d+)/", page)]
        older = re.search(r'href="\?before=(\d+)"', page)
        path = f"/oversight/?before={older[1]}" if older else ""
    assert seen == list(range(height, 0, -1))
