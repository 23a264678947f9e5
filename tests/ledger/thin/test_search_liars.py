"""Searches, results and counts while a validator lies about them: what is told is true, nothing is hidden.

Whom a thin node asks first changes every few seconds: each story goes on until the liar had its say.
"""

import base64
import copy
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.api import PowerChanges
from tests.free_ports import free_ports
from tests.ledger.cluster.governance import NORTH_LAKE, RIVERSIDE, admit, agree
from tests.ledger.cluster.network import Network, Person
from tests.ledger.thin.liar import Liar, Lie, Params
from tests.ledger.thin.thin_process import Thin

UNAVAILABLE = -32003
CAST = [Person(name) for name in ("Li Mei", "Amina Diallo", "Noor Haddad", "Grace Kim", "Ravi Menon")]
WANTED = f"did_registered.did='{CAST[2].did}'"
EVERYBODY = "did_registered EXISTS"
DECIDED = "governance_accepted EXISTS"


@pytest.fixture(scope="module")
def told(network: Network) -> Network:
    """The network, on which everybody is registered and a proposal was voted through."""
    client = network.client()
    for person in CAST:
        client.commit(person.registers())
    for hospital in (NORTH_LAKE, RIVERSIDE):
        client.commit(admit(hospital))
    own = network.rpc("hillside", "status")["validator_info"]["pub_key"]["value"]
    public = own.rstrip("=").replace("+", "-").replace("/", "_")
    agree(client, PowerChanges(public=public, power=11))
    client.query("did/nobody")
    client.close()
    network.until(network.same_state, "everybody has every block", within_s=30)
    return network


@pytest.fixture
def liar(told: Network) -> Iterator[Liar]:
    """A door before the first validator."""
    with Liar(free_ports(1), told.node("north-lake").rpc) as made:
        yield made


@pytest.fixture
def thin(told: Network, liar: Liar) -> Iterator[Thin]:
    """A thin node that asks the liar and two honest validators."""
    honest = [told.node(name).rpc for name in ("riverside", "hillside")]
    made = Thin(told, [liar.url, *honest], name=f"search-{os.urandom(4).hex()}").start()
    yield made
    made.kill()


def truth(network: Network, method: str, **params: Any) -> Any:
    """What an honest validator answers."""
    asked = Thin(network, ())
    asked.port = int(network.node("riverside").rpc.rsplit(":", 1)[1])
    return asked.result(method, **params)


def search(thin: Thin, query: str, **params: Any) -> tuple[dict[str, Any], int, int]:
    """The answer without its labels, and how many of how many validators agree."""
    answer = thin.result("tx_search", query=query, prove=True, **params)
    for found in answer["txs"]:
        found.pop("vouched", None)
    return answer, int(answer.pop("agreeing")), int(answer.pop("asked"))


def rounds(liar: Liar, method: str, times: int = 1, within_s: float = 30) -> Iterator[None]:
    """Again and again, until the liar has been asked for this so often."""
    before, deadline = liar.asked.count(method), time.monotonic() + within_s
    while liar.asked.count(method) < before + times:
        assert time.monotonic() < deadline, liar.asked[-20:]
        yield
        time.sleep(0.1)


def named(thin: Thin, liar: Liar) -> bool:
    dropped = [line for line in thin.log().splitlines() if "event=validator_dropped" in line]
    assert all(f"address={liar.url}" in line for line in dropped), dropped
    return bool(dropped)


def _found(change: Callable[[list[Any]], list[Any]]) -> Lie:
    """A lie about what a search for transactions found, which leaves the count as it was."""

    def lie(method: str, params: Params, result: Any) -> Any:
        if method == "tx_search" and result["txs"]:
            result["txs"] = change(result["txs"])
        return result

    return lie


def _forge(txs: list[Any]) -> list[Any]:
    txs[-1]["tx"] = base64.b64encode(base64.b64decode(txs[-1]["tx"]) + b" ").decode()
    return txs


def _miscount(method: str, params: Params, result: Any) -> Any:
    if method == "tx_search":
        result["total_count"] = str(int(result["total_count"]) + 1)
    return result


PROVABLE: dict[str, Lie] = {
    "forged": _found(_forge),
    "repeated": _found(lambda txs: [txs[0]] * len(txs)),
    "out of order": _found(lambda txs: txs[::-1]),
    "dropped from the page": _found(lambda txs: txs[1:]),
    "moved": _found(lambda txs: [{**txs[0], "height": str(int(txs[0]["height"]) + 1)}, *txs[1:]]),
    "without proofs": _found(lambda txs: [{**one, "proof": None} for one in txs]),
    "no transactions": _found(lambda txs: [None for _ in txs]),
    "more than there are": _miscount,
}


@pytest.mark.parametrize("lie", PROVABLE.values(), ids=PROVABLE.keys())
def test_a_lie_that_can_be_proven_drops_its_liar(told: Network, liar: Liar, thin: Thin, lie: Lie) -> None:
    liar.lie = lie
    expected = truth(told, "tx_search", query=EVERYBODY, prove=True)
    for _round in rounds(liar, "tx_search"):
        assert search(thin, EVERYBODY) == (expected, 2, 2)
    assert named(thin, liar)
    assert search(thin, EVERYBODY)[0] == expected


def test_a_transaction_that_does_not_meet_the_query_drops_its_liar(
    told: Network, liar: Liar, thin: Thin
) -> None:
    """It is on the ledger, with its proof: only asking the query of it again tells that it is a wrong one."""
    (other,) = truth(told, "tx_search", query=f"did_registered.did='{CAST[0].did}'", prove=True)["txs"]
    (event,) = other["tx_result"]["events"]
    event["attributes"][0]["value"] = CAST[2].did
    liar.lie = _found(lambda txs: [copy.deepcopy(other)])
    expected = truth(told, "tx_search", query=WANTED, prove=True)
    for _round in rounds(liar, "tx_search"):
        assert search(thin, WANTED) == (expected, 2, 2)
    assert named(thin, liar)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("hidden", [1, 5])
def test_what_one_hides_another_shows(told: Network, liar: Liar, thin: Thin, hidden: int, order: str) -> None:
    """An honest validator may lag: who shows less is not dropped, but named."""

    left = truth(told, "tx_search", query=EVERYBODY, prove=True)["txs"][hidden:]

    def hide(method: str, params: Params, result: Any) -> Any:
        if method != "tx_search":
            return result
        first = int(params["per_page"]) * (int(params["page"]) - 1)
        ordered = left if params["order_by"] == "asc" else left[::-1]
        return {"txs": ordered[first : first + int(params["per_page"])], "total_count": str(len(left))}

    liar.lie = hide
    expected = truth(told, "tx_search", query=EVERYBODY, prove=True, order_by=order)
    for _round in rounds(liar, "tx_search", 2):
        answer, agreeing, asked = search(thin, EVERYBODY, order_by=order)
        assert answer == expected
        assert (agreeing, asked) in {(2, 2), (2, 3)}
    assert f"event=search_shows_less address={liar.url} missing={hidden}" in thin.log()
    assert not named(thin, liar)
    page = truth(told, "tx_search", query=EVERYBODY, prove=True, order_by=order, per_page="2", page="2")
    for _round in rounds(liar, "tx_search", 2):
        assert search(thin, EVERYBODY, order_by=order, per_page="2", page="2")[0] == page


def _events(change: Callable[[dict[str, Any]], None], only: str) -> Lie:
    """Other events, of transactions that have one of the type `only`, wherever results are told."""

    def lie(method: str, params: Params, result: Any) -> Any:
        results = result.get("txs_results") or [] if method == "block_results" else []
        results += [found["tx_result"] for found in result["txs"]] if method == "tx_search" else []
        for one in results:
            for event in one["events"]:
                if event["type"] == only:
                    change(event)
        return result

    return lie


def test_events_are_derived_or_vouched_for_and_labelled(told: Network, liar: Liar, thin: Thin) -> None:
    """A validator says of a vote that it decided nothing: that is possible, and two others say otherwise."""
    liar.lie = _events(lambda event: event.update(type="governance_voted"), "governance_accepted")
    expected = truth(told, "tx_search", query=DECIDED, prove=True)
    assert expected["total_count"] == "1"
    height = expected["txs"][0]["height"]
    results = truth(told, "block_results", height=height)
    for _round in rounds(liar, "block_results", 3):
        assert search(thin, DECIDED)[0] == expected
        assert thin.result("block_results", height=height) == results | {"vouched": ["events"]}
        found = thin.result("tx", hash=_base64(expected["txs"][0]["hash"]))
        assert found["vouched"] == ["events"]
        assert found["tx_result"] == expected["txs"][0]["tx_result"]
    (plain,) = truth(told, "tx_search", query=WANTED, prove=True)["txs"]
    assert thin.result("tx", hash=_base64(plain["hash"]), prove=True) == plain, "derived: no label"
    assert not named(thin, liar)


def test_events_that_cannot_be_drop_their_liar(told: Network, liar: Liar, thin: Thin) -> None:
    liar.lie = _events(lambda event: event.update(attributes=[]), "governance_accepted")
    expected = truth(told, "tx_search", query=DECIDED, prove=True)
    for _round in rounds(liar, "block_results"):
        assert search(thin, DECIDED)[0] == expected
    assert named(thin, liar)


def test_where_one_word_stands_against_another_events_are_left_out_and_that_is_said(
    told: Network, liar: Liar
) -> None:
    """Of two validators one lies: neither is believed in what nothing proves, and everything else is told."""
    liar.lie = _events(lambda event: event.update(type="governance_voted"), "governance_accepted")
    honest = truth(told, "tx_search", query=DECIDED, prove=True)["txs"][0]
    thin = Thin(told, [liar.url, told.node("riverside").rpc], name="word-against-word").start()
    try:
        found = thin.result("tx", hash=_base64(honest["hash"]), prove=True)
        assert found.pop("omitted") == ["events"]
        assert found["tx_result"].pop("events") == []
        del honest["tx_result"]["events"]
        assert found == honest
        error = thin.error("tx_search", query=DECIDED)
        assert (error["code"], "too few validators tell the same events" in error["data"]) == (
            UNAVAILABLE,
            True,
        )
        assert search(thin, WANTED)[0] == truth(told, "tx_search", query=WANTED, prove=True)
    finally:
        thin.kill()


def test_evidence_that_is_not_there_drops_its_liar(told: Network, liar: Liar, thin: Thin) -> None:
    """Blocks are said to hold evidence, and hold none."""
    innocent = truth(told, "block_search", query="block.height=3")

    def accuse(method: str, params: Params, result: Any) -> Any:
        return copy.deepcopy(innocent) if method == "block_search" else result

    liar.lie = accuse
    for _round in rounds(liar, "block_search"):
        answer = thin.result("block_search", query="validator_punished EXISTS")
        assert (answer["blocks"], answer["total_count"], answer["agreeing"]) == ([], "0", "2")
    assert named(thin, liar)
    assert thin.result("block_search", query="block.height=3") == innocent, "by height nobody is asked"


def test_counts_and_absence_are_what_most_validators_say(told: Network, liar: Liar, thin: Thin) -> None:
    block_hash = truth(told, "block", height="3")["block_id"]["hash"]

    def wrong(method: str, params: Params, result: Any) -> Any:
        if method == "event_counts":
            result["counts"] = {"did_registered": "999"}
        return {"header": None} if method == "header_by_hash" else result

    liar.lie = wrong
    expected = truth(told, "event_counts")
    for _round in rounds(liar, "header_by_hash"):
        assert thin.result("event_counts") == expected | {"agreeing": "2", "asked": "3"}
        assert thin.result("header_by_hash", hash=_base64(block_hash))["header"]["height"] == "3"


def test_among_liars_only_no_search_is_answered(told: Network) -> None:
    first = free_ports(2)
    doors = [Liar(first + at, told.node(name).rpc) for at, name in enumerate(("north-lake", "riverside"))]
    with doors[0], doors[1]:
        thin = Thin(told, [door.url for door in doors], name="search-among-liars").start()
        try:
            for door in doors:
                door.lie = PROVABLE["forged"]
            error = thin.error("tx_search", query=EVERYBODY)
            assert (error["code"], "validators" in error["data"]) == (UNAVAILABLE, True), error
        finally:
            thin.kill()


def test_one_validator_alone_is_labelled_as_such(told: Network, liar: Liar, thin: Thin) -> None:
    """What it finds is proven; that it hides nothing is one validator's word, and the answer says so."""
    told.kill("riverside", "hillside")
    try:
        answer, agreeing, asked = search(thin, EVERYBODY)
        assert (len(answer["txs"]), agreeing, asked) == (len(CAST), 1, 1)
    finally:
        told.start("riverside", "hillside")


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


def test_elections_and_parameters_are_told_as_a_validator_tells_them(told: Network, thin: Thin) -> None:
    """All of it follows from proven state: no label is needed."""
    for method, params in {
        "election": {},
        "consensus_params": {"height": "2"},
        "block_by_hash": {"hash": base64.b64encode(bytes(32)).decode()},
        "commit": {"height": "3"},
        "block_search": {"query": "block.height>1 AND block.height<=4", "order_by": "asc", "per_page": "2"},
        "block_results": {"height": "3"},
        "tx": {"hash": base64.b64encode(hashlib.sha256(b"nothing").digest()).decode()},
    }.items():
        assert thin.call(method, **params) == _call(told, method, params), method


def _call(network: Network, method: str, params: dict[str, Any]) -> Any:
    asked = Thin(network, ())
    asked.port = int(network.node("riverside").rpc.rsplit(":", 1)[1])
    return asked.call(method, **params)
