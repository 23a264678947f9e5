"""The explorer on a real ledger whose validators come, change and lie: what it says is what happened."""

import html
import re
from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.api import person_ensure
from ledger.api import Cursor, LedgerClient, PowerChanges
from tests.ledger.cluster.network import Network, Person
from tests.ledger.cluster.test_membership import NORTH_LAKE, RIVERSIDE, admit, agree, step

HONEST = ("north-lake", "riverside", "hillside")
LI_MEI = Person("Li Mei")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """One validator signed twice and lost its power; another was given more."""
    made = Network.make(tmp_path_factory.mktemp("explorer"))
    made.start(*HONEST)
    made.start("health-authority", module="tests.ledger.cluster.double_signer")
    client = made.client(*HONEST)
    for hospital in (NORTH_LAKE, RIVERSIDE):
        client.commit(admit(hospital))
    client.commit(LI_MEI.registers())
    made.until(lambda: _blocks_until_punished(client), "the liar lost its power")
    own = made.rpc("riverside", "status")["validator_info"]["pub_key"]["value"]
    public = own.rstrip("=").replace("+", "-").replace("/", "_")
    agree(client, PowerChanges(public=public, power=14))
    step(client)
    made.until(lambda: made.same_state(HONEST), "the honest agree")
    client.close()
    yield made
    made.kill()


def _blocks_until_punished(client: LedgerClient) -> bool:
    step(client, 1)
    return len(client.validators()) == len(HONEST)


@pytest.fixture
def client(network: Network) -> Iterator[LedgerClient]:
    made = network.client(*HONEST)
    yield made
    made.close()


@pytest.fixture
def grace(db: None, network: Network, settings: pytest.FixtureRequest) -> Client:
    settings.SALUS_LEDGER_RPC = [network.node(name).rpc for name in HONEST]  # type: ignore[attr-defined]
    settings.SALUS_LEDGER_GENESIS = network.home / "genesis.json"  # type: ignore[attr-defined]
    client = Client()
    client.force_login(person_ensure(handle="grace-kim", name="Grace Kim", role="regulator"))
    return client


def words_of(grace: Client, path: str) -> str:
    """What a reader sees of a page: its text, one space between words."""
    answer = grace.get(path, follow=True)
    assert answer.status_code == 200, path
    body = answer.content.decode().split("<main", 1)[1].split("</main", 1)[0]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def test_the_first_page_alarms_counts_and_lists(grace: Client, client: LedgerClient) -> None:
    words = words_of(grace, "/oversight/")
    assert "Alarm: no fault is tolerated (f = 0)." in words
    assert "Organisations registered 2" in words
    assert "Proposals 1 " in words
    assert "Votes on proposals 3" in words
    assert "3 of 3 validators count the same" in words
    assert f"Latest block {client.status().height}" in words
    assert "riverside 14 · 41.2 %" in words


def test_validators_tell_their_history(grace: Client) -> None:
    words = words_of(grace, "/oversight/validators/")
    assert re.search(r"Power changed from 10 to 14 at block \d+", words)
    gone = words.split("No longer voting")[1]
    assert "health-authority at fault" in gone
    assert re.search(r"Voted twice for one place; without power since block \d+", gone)
    assert words.count("Since the beginning, unchanged") == 2


def test_evidence_leads_to_the_block_that_holds_it(grace: Client, client: LedgerClient) -> None:
    (block,) = client.blocks_with_faults()
    words = words_of(grace, "/oversight/evidence/")
    assert "health-authority signed two votes for one place" in words
    assert f"Proven in block {block.height}" in words
    assert block.faults[0].address in words
    assert "health-authority signed two votes" in words_of(grace, f"/oversight/blocks/{block.height}/")


def test_a_transaction_is_found_by_its_hash_and_proven(grace: Client, client: LedgerClient) -> None:
    event = next(one for one in client.events_since(Cursor(), 1_000) if one.body.get("did") == LI_MEI.did)
    for asked in (event.tx_hash, event.tx_hash.lower(), f"0x{event.tx_hash}"):
        words = words_of(grace, f"/oversight/search/?q={asked}")
        assert "A patient's pseudonym was registered" in words
        assert "Proven to be on the ledger. It is transaction 1 of 1 in this block." in words
        assert event.tx_hash in words
        assert f"did {LI_MEI.did}" in words


def test_a_block_is_found_by_height_and_by_hash(grace: Client, client: LedgerClient) -> None:
    tip = client.blocks(limit=3)[2]
    for asked in (str(tip.height), tip.hash, tip.hash.lower()):
        words = words_of(grace, f"/oversight/search/?q={asked}")
        assert f"Block {tip.height}" in words
        assert tip.hash in words


@pytest.mark.parametrize("asked", ["", "0", "999999999", "Li Mei", "AB" * 32, "AB" * 31 + "0g", "<script>"])
def test_what_is_not_there_is_said_and_what_cannot_be_is_explained(grace: Client, asked: str) -> None:
    answer = grace.get("/oversight/search/", {"q": asked})
    assert answer.status_code == 404
    words = answer.content.decode()
    known = asked.isdigit() or asked == "AB" * 32
    assert ("neither a block nor a transaction" in words) is known
    assert ("neither a block number nor a hash" in words) is not known
    assert "<script>" not in words.split("<main", 1)[1].split("</main", 1)[0]


def test_pages_follow_one_another_down_to_the_first_block(grace: Client, client: LedgerClient) -> None:
    height, seen, path = client.status().height, [], "/oversight/"
    while path:
        page = grace.get(path).content.decode()
        seen += [int(one) for one in re.findall(r"/oversight/blocks/(\d+)/", page)]
        older = re.search(r'href="\?before=(\d+)"', page)
        path = f"/oversight/?before={older[1]}" if older else ""
    assert seen == list(range(height, 0, -1))
