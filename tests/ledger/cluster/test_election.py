"""Real validators are elected: an epoch ends, a candidate gets a seat; evidence promotes another at once."""

import time
from collections.abc import Iterator

import pytest

from ledger.api import CandidateStands, ElectionChanges, LedgerClient, b64u_encode
from ledger.node.devnet import Newcomer, init_newcomer
from tests.free_ports import free_ports
from tests.ledger.cluster.governance import NORTH_LAKE, RIVERSIDE, admit, agree, step
from tests.ledger.cluster.network import MONIKERS, Network, Person
from tests.ledger.thin.thin_process import Thin

EVERY = 40
RULES = ElectionChanges(every=EVERY, seats=7, availability=100, contribution=10)
SECOND = ("north-lake", "riverside", "hillside")


@pytest.fixture
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    made = Network.make(tmp_path_factory.mktemp("election"))
    made.start()
    yield made
    made.kill()


def standing(network: Network, moniker: str, of: Person) -> Newcomer:
    """A node of this hospital that the consortium has let stand, started."""
    newcomer = init_newcomer(network.home, moniker, free_ports(10), network.nodes)
    change = CandidateStands(
        public=b64u_encode(newcomer.public_key),
        moniker=moniker,
        host="127.0.0.1",
        port=newcomer.node.p2p_port,
        certificate=b64u_encode(newcomer.certificate),
        organisation=of.did,
    )
    client = network.client()
    agree(client, change)
    client.close()
    network.nodes = (*network.nodes, newcomer.node)
    network.start(moniker)
    network.until(lambda: network.height(moniker) == network.height("riverside"), f"{moniker} follows")
    return newcomer


def told(network: Network, moniker: str, through: str = "riverside") -> dict[str, str]:
    """What a node tells of the standing of another."""
    address = network.rpc(moniker, "status")["validator_info"]["address"]
    everybody = network.rpc(through, "election")["standing"]
    return next(one for one in everybody if one["address"] == address)


def tells_the_same(network: Network) -> None:
    """A thin node that came after the elections tells of them, proven, what a validator tells."""
    thin = Thin(network, [node.rpc for node in network.nodes]).start()
    try:
        thin.until(lambda: thin.height() == network.height("hillside"), "it has come up")
        assert thin.result("election") == network.rpc("hillside", "election")
        changed = 0
        for height in range(1, thin.height()):
            theirs = network.rpc("hillside", f"block_results?height={height}")
            mine = thin.result("block_results", height=str(height))
            assert mine.pop("vouched", ["events"]) == ["events"]
            assert mine == theirs
            changed += bool(mine["validator_updates"])
        assert changed == 1, "the election"
    finally:
        thin.kill()


def renewed(network: Network, client: LedgerClient, moniker: str) -> None:
    """Business until the candidate has shown that it follows."""

    def shown() -> bool:
        if int(told(network, moniker)["renewed"]):
            return True
        step(client, 1)
        return False

    network.until(shown, f"{moniker} renews its candidacy")


def test_candidate_is_elected_when_the_epoch_ends_votes_and_the_ledger_falls_silent(network: Network) -> None:
    client = network.client()
    for hospital in (NORTH_LAKE, RIVERSIDE):
        client.commit(admit(hospital))
    assert network.rpc("riverside", "election")["epoch"] is None
    agree(client, RULES)
    standing(network, "lakeside", NORTH_LAKE)
    everybody = (*MONIKERS, "lakeside")
    renewed(network, client, "lakeside")
    assert told(network, "lakeside")["voting_power"] == "0"
    while int(network.rpc("riverside", "election")["epoch"]["number"]) < 2:
        step(client, 1)
    step(client, 2)
    network.until(lambda: network.same_state(everybody), "the elected one has every block")
    found = network.rpc("hillside", "election")
    assert (found["alarms"], found["tolerated_faults"]) == ([], "1")
    powers = sorted(int(one.voting_power) for one in client.validators())
    assert len(powers) == 5
    assert powers[0] == 501  # the newcomer: nobody has seen it sign yet
    assert 3 * powers[-1] < sum(powers)

    spent = network.rpc("hillside", "energy")
    assert spent["watts_source"] in ("rapl", "estimate")
    assert spent["joules"] > 0
    assert spent["transactions"] > EVERY // 2

    network.kill("riverside")
    step(client, 3)
    at = client.status().height
    assert (
        network.rpc("lakeside", "status")["validator_info"]["address"] in client.block(at).summary.signed_by
    )
    fresh = network.client("lakeside", "hillside")
    assert fresh.block(at).summary.height == at
    network.start("riverside")
    network.until(lambda: network.same_state(everybody), "who was away agrees")

    def silent() -> bool:
        at = network.height("hillside")
        time.sleep(0.5)
        return network.height("hillside") == at

    network.until(silent, "no block follows the last proof")
    tells_the_same(network)
    for made in (client, fresh):
        made.close()


def test_evidence_among_four_promotes_the_candidate_at_once(network: Network) -> None:
    client = network.client(*SECOND)
    for hospital in (NORTH_LAKE, RIVERSIDE):
        client.commit(admit(hospital))
    agree(client, ElectionChanges(every=10_000, seats=7, availability=100, contribution=10))
    standing(network, "lakeside", NORTH_LAKE)
    renewed(network, client, "lakeside")

    network.kill("health-authority")
    network.start("health-authority", module="tests.ledger.cluster.double_signer")
    guilty = network.rpc("health-authority", "status")["validator_info"]["address"]

    def promoted() -> bool:
        step(client, 1)
        return told(network, "lakeside")["voting_power"] == "10"

    network.until(promoted, "the candidate has the power of the guilty one")
    step(client, 2)
    members = {one.address: one.voting_power for one in client.validators()}
    assert guilty not in members
    assert sorted(members.values()) == [10, 10, 10, 10]
    network.kill("riverside")
    step(client, 2)
    honest = ("north-lake", "hillside", "lakeside")
    network.until(lambda: network.same_state(honest), "three of four go on")
    assert network.rpc("north-lake", "election")["alarms"] == []
    client.close()
