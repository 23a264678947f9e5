"""The npm client `@cosmjs/tendermint-rpc` judges our RPC: what it misreads is our fault.

A Node process runs its Comet38Client against a validator of a real network, and against a thin node before
it, over each kind of connection.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.api import LedgerClient
from ledger.machine.proofs import verify_absence, verify_presence
from ledger.types.merkle import Proof, verify
from tests.ledger.cluster.network import CHAIN_ID, MONIKERS, Network, Person
from tests.ledger.thin.thin_process import Thin

HERE = Path(__file__).parent
JUDGE = HERE / "judge.mjs"
SECONDS = 60


@pytest.fixture(scope="module")
def node_js() -> str:
    """Node with the client installed. Its absence is an error with CI=true and skips elsewhere."""
    found = shutil.which("node")
    if found and (HERE / "node_modules" / "@cosmjs" / "tendermint-rpc").is_dir():
        return found
    why = "needs node and the client: `make system-deps`, then `make cosmjs`"
    return pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    made = Network.make(tmp_path_factory.mktemp("cosmjs"))
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="module", params=["riverside", "thin"])
def moniker(request: pytest.FixtureRequest) -> str:
    """Who is asked: a validator or a thin node."""
    return str(request.param)


@pytest.fixture(scope="module")
def door(moniker: str, network: Network) -> Iterator[str]:
    """Where the client connects to."""
    if moniker != "thin":
        yield network.node(moniker).rpc
        return
    thin = Thin(network, [node.rpc for node in network.nodes]).start()
    yield thin.url
    thin.kill()


@pytest.fixture(scope="module")
def client(network: Network) -> Iterator[LedgerClient]:
    made = network.client()
    yield made
    made.close()


@pytest.fixture(scope="module")
def wire(client: LedgerClient) -> bytes:
    """Li Mei's registration, committed; and two others before it, so that there is something to page over."""
    for name in ("Amina Diallo", "Noor Haddad"):
        client.commit(Person(name).registers(), timeout_s=30)
    made = Person("Li Mei").registers()
    client.commit(made, timeout_s=30)
    return made


@pytest.fixture(scope="module", params=["http", "batch", "websocket"])
def said(
    request: pytest.FixtureRequest,
    node_js: str,
    network: Network,
    door: str,
    moniker: str,
    client: LedgerClient,
    wire: bytes,
) -> dict[str, Any]:
    """What the client understood, and what it was asked for (`asked`)."""
    transport, li_mei = request.param, Person("Li Mei").did
    height = _height_of(client, wire)
    network.until(lambda: network.height("riverside") > height, "the block that proves the state")
    fresh = [Person(f"{moniker} {transport} {kind}").registers() for kind in ("sync", "async", "commit")]
    told = Person(f"{moniker} told of")
    asked = {
        "url": door,
        "transport": transport,
        "height": height,
        "hash": _hash(wire),
        "key": f"did/{li_mei}".encode().hex(),
        "query": f"tm.event='Tx' AND did_registered.did='{li_mei}' AND tx.height<={height}",
        "fresh": [_base64(tx) for tx in (*fresh, b"not a transaction")],
        "told": _base64(told.registers()),
        "toldQuery": f"did_registered.did='{told.did}'",
    }
    done = subprocess.run(
        [node_js, str(JUDGE)], input=json.dumps(asked), capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return {**answer, "asked": asked, "transport": transport, "told": told}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _hash(wire: bytes) -> str:
    return hashlib.sha256(wire).hexdigest()


def _height_of(client: LedgerClient, wire: bytes) -> int:
    return int(client.proof_bundle(_hash(wire))["signed_header"]["header"]["height"])


def _did_event(person: Person) -> list[dict[str, Any]]:
    attributes = [{"key": "did", "value": person.did}, {"key": "custody", "value": "self"}]
    return [{"type": "did_registered", "attributes": attributes}]


def test_it_connects_and_finds_our_version(said: dict[str, Any], moniker: str) -> None:
    status = said["reads"]["status"]
    assert status["nodeInfo"]["network"] == CHAIN_ID
    assert status["nodeInfo"]["moniker"] == moniker
    assert status["nodeInfo"]["version"].startswith("0.38.")
    assert status["nodeInfo"]["other"]["tx_index"] == "on"
    assert status["syncInfo"]["latestBlockHeight"] >= said["asked"]["height"]
    assert status["syncInfo"]["catchingUp"] is False
    assert status["validatorInfo"]["votingPower"] == ("0" if moniker == "thin" else "10")
    assert said["reads"]["health"] is None
    if said["transport"] == "http":
        assert said["versionFound"] is True
        assert said["connected"] == moniker


def test_it_reads_the_genesis(said: dict[str, Any], network: Network) -> None:
    genesis = said["reads"]["genesis"]
    assert genesis["chainId"] == CHAIN_ID
    assert genesis["appState"] == network.genesis["app_state"]
    assert [each["votingPower"] for each in genesis["validators"]] == ["10"] * len(MONIKERS)
    assert genesis["consensusParams"]["block"]["maxBytes"] > 0


def test_it_reads_blocks_and_their_results(said: dict[str, Any], client: LedgerClient, wire: bytes) -> None:
    reads, height = said["reads"], said["asked"]["height"]
    ours = client.block(height)
    for found in (reads["block"], reads["blockSearch"]["blocks"][0]):
        assert found["blockId"]["hash"].upper() == ours.summary.hash
        assert found["block"]["header"]["height"] == height
        assert found["block"]["header"]["proposerAddress"].upper() == ours.summary.proposer
        assert found["block"]["txs"] == [wire.hex()]
        assert len(found["block"]["lastCommit"]["signatures"]) == len(MONIKERS)
        assert found["block"]["evidence"] == []
    assert reads["firstBlock"]["block"]["lastCommit"] is None
    assert reads["firstBlock"]["block"]["header"]["lastBlockId"] is None
    assert reads["latestBlock"]["block"]["header"]["height"] > height
    assert [result["code"] for result in reads["blockResults"]["results"]] == [0]
    assert reads["blockResults"]["results"][0]["events"] == _did_event(Person("Li Mei"))
    heights = [meta["header"]["height"] for meta in reads["blockchain"]["blockMetas"]]
    assert heights == list(range(height, max(0, height - 20), -1))
    assert reads["blockchain"]["blockMetas"][0]["numTxs"] == 1


def test_it_reads_commits_and_validators(said: dict[str, Any], client: LedgerClient) -> None:
    reads, height = said["reads"], said["asked"]["height"]
    assert reads["commit"]["canonical"] is True
    assert reads["latestCommit"]["canonical"] is False
    assert reads["commit"]["commit"]["blockId"] == reads["block"]["blockId"]
    signed = [slot for slot in reads["commit"]["commit"]["signatures"] if slot["blockIdFlag"] == 2]
    assert len(signed) >= 3
    addresses = {each.address for each in client.validators()}
    everybody = reads["validatorsAll"]
    assert {each["address"].upper() for each in everybody["validators"]} == addresses
    assert (everybody["blockHeight"], everybody["total"]) == (height, 4)
    assert (reads["validators"]["count"], reads["validators"]["total"]) == (1, 4)
    assert reads["validators"]["validators"] == everybody["validators"][3:]


def test_it_finds_transactions_with_their_proofs(said: dict[str, Any], wire: bytes) -> None:
    reads, height = said["reads"], said["asked"]["height"]
    assert reads["txSearch"]["totalCount"] == 1
    root = bytes.fromhex(reads["block"]["block"]["header"]["dataHash"])
    for found in (reads["tx"], *reads["txSearch"]["txs"]):
        assert (found["hash"], found["tx"]) == (_hash(wire), wire.hex())
        assert (found["height"], found["index"], found["result"]["code"]) == (height, 0, 0)
        assert found["result"]["events"] == _did_event(Person("Li Mei"))
        given = found["proof"]["proof"]
        aunts = tuple(bytes.fromhex(aunt) for aunt in given["aunts"])
        proof = Proof(given["total"], given["index"], bytes.fromhex(given["leafHash"]), aunts)
        assert bytes.fromhex(found["proof"]["rootHash"]) == root
        assert verify(root, hashlib.sha256(wire).digest(), proof)


def test_it_pages_and_orders_what_it_searches(said: dict[str, Any]) -> None:
    reads, height = said["reads"], said["asked"]["height"]
    newest = [tx["height"] for tx in reads["txSearchNewest"]["txs"]]
    assert newest == sorted(newest, reverse=True)
    assert len(newest) == 2
    everything = [tx["height"] for tx in reads["txSearchAll"]["txs"]]
    assert everything == sorted(everything)
    assert len(everything) == reads["txSearchAll"]["totalCount"] == reads["txSearchNewest"]["totalCount"] >= 3
    blocks = [each["block"]["header"]["height"] for each in reads["blockSearchAll"]["blocks"]]
    assert blocks == list(range(1, height + 1))


def test_it_reads_state_with_proofs_of_presence_and_absence(said: dict[str, Any]) -> None:
    """The proofs lead to the app hash that `abci_info` names after the last block."""
    present, absent, info = (said["reads"][name] for name in ("present", "absent", "abciInfo"))
    root = bytes.fromhex(info["lastBlockAppHash"])
    assert info["data"] == "salus"
    assert present["height"] == absent["height"] == info["lastBlockHeight"]
    key, value = bytes.fromhex(present["key"]), bytes.fromhex(present["value"])
    assert key == f"did/{Person('Li Mei').did}".encode()
    assert json.loads(value)["custody"] == "self"
    verify_presence(root, key, value, bytes.fromhex(present["proof"]["ops"][0]["data"]))
    assert absent["value"] == ""
    verify_absence(root, b"did/nobody", bytes.fromhex(absent["proof"]["ops"][0]["data"]))


def test_it_broadcasts_and_is_told_of_refusals(said: dict[str, Any], client: LedgerClient) -> None:
    sent = said["broadcasts"]
    wires = [base64.b64decode(tx) for tx in said["asked"]["fresh"]]
    for name, tx in zip(("sync", "async", "commit"), wires, strict=False):
        assert sent[name]["hash"] == _hash(tx)
        assert client.commit(tx).tx_hash == _hash(tx).upper()
    assert sent["commit"]["height"] == _height_of(client, wires[2])
    assert sent["commit"]["checkTx"]["code"] == sent["commit"]["txResult"]["code"] == 0
    assert sent["commit"]["txResult"]["events"][0]["type"] == "did_registered"
    assert sent["malformed"]["code"] == 2
    assert "TX_MALFORMED" in sent["malformed"]["log"]


def test_it_reads_our_refusals(said: dict[str, Any]) -> None:
    reads = said["reads"]
    for name, words in {
        "beyondTheEnd": "must be less than or equal to the current blockchain height",
        "unknownTx": "not found",
        "malformedQuery": "expected a value, got the end",
        "dateQuery": "DATE at offset 20 is not supported",
        "pageTooFar": "page should be within [1, 1] range, given 2",
    }.items():
        assert words in reads[name]["refused"], name


def test_it_is_told_of_blocks_and_transactions(said: dict[str, Any], client: LedgerClient) -> None:
    if said["transport"] != "websocket":
        assert "subscriptions" not in said
        return
    heard, tx = said["subscriptions"], base64.b64decode(said["asked"]["told"])
    assert heard["sent"]["hash"] == heard["queriedTx"]["hash"] == heard["anyTx"]["hash"] == _hash(tx)
    assert heard["queriedTx"]["tx"] == tx.hex()
    assert heard["queriedTx"]["height"] == heard["sent"]["height"] == _height_of(client, tx)
    assert heard["queriedTx"]["result"]["events"] == _did_event(said["told"])
    assert heard["newBlock"]["header"]["height"] == heard["sent"]["height"]
    assert heard["newBlock"]["txs"] == [tx.hex()]
    assert heard["newHeader"]["chainId"] == CHAIN_ID
    assert "expected" in heard["bad"]
