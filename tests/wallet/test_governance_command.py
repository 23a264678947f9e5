"""`manage.py governance` against four real validators: a fifth is proposed, voted in, and takes part."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from django.core.management import CommandError, call_command

from ledger.api import Change, HomeInvalid, b64u_encode, node_card
from ledger.node.devnet import Newcomer, init_newcomer
from ledger.node.home import Home
from tests.free_ports import free_ports
from tests.ledger.cluster.network import AUTHORITY, MONIKERS, Network, Person
from tests.wallet.conftest import World, populate
from wallet import api as wallet
from wallet.management.governance_arguments import KINDS

HOSPITALS = ("north-lake", "riverside")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    made = Network.make(tmp_path_factory.mktemp("network"))
    made.start()
    made.until(lambda: made.height("north-lake") >= 1, "the first block")
    yield made
    made.kill(*made.processes)


@pytest.fixture(scope="module")
def newcomer(network: Network) -> Newcomer:
    return init_newcomer(network.home, "lakeside", free_ports(10), network.nodes)


@pytest.fixture
def consortium(
    network: Network, transactional_db: None, keys_on_disk: bytes, settings: Any
) -> Iterator[World]:
    """Two hospitals with keys in this process; with the authority they are three who may vote."""
    settings.SALUS_AUTHORITY_KEY_FILE.write_text(b64u_encode(AUTHORITY.seed))
    settings.SALUS_LEDGER_RPC = [node.rpc for node in network.nodes]
    world = World.with_ports(network.genesis, network.client())
    populate(world)
    for slug in (*HOSPITALS, "evergreen"):
        wallet.organisation_create(organisation_id=world.organisations[slug].id)
    yield world
    world.unbind()


def governance(*arguments: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("governance", *arguments, stdout=out)
    return out.getvalue()


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as refused:
        governance(*arguments)
    return str(refused.value)


def join(newcomer: Newcomer, *more: str, power: str = "10") -> tuple[str, ...]:
    return ("propose", "join", "--home", str(newcomer.node.home), "--power", power, *more)


def test_a_validator_joins_by_commands_alone_and_leaves_again(
    network: Network, consortium: World, newcomer: Newcomer
) -> None:
    told = governance(*join(newcomer, "--as", "north-lake", "--dry-run"))
    assert "lakeside" in told
    assert "10 (20.0 %)" in told
    assert "Nobody has a third or more" in told
    assert "nothing was signed" in told
    assert "No proposals" in governance("list")

    told = governance(*join(newcomer, "--as", "north-lake", "--yes"))
    proposal = re.search(r"Proposed in block \d+: (\S{22})", told)[1]  # type: ignore[index]
    listed = governance("list", "--time-zone", "Asia/Shanghai")
    assert proposal in listed
    assert re.search(r"6 d 23 h left .* CST \(UTC\+08:00\)", listed)

    told = governance("vote", proposal[:8], "yes", "--as", "north-lake", "--yes")
    assert "Others must vote, too" in told
    governance("vote", proposal, "yes", "--as", "riverside", "--yes")
    page = governance("show", proposal)
    assert "3 of 3 who may vote" in page
    assert re.search(r"not yet +Regional Health Authority\n", page)
    told = governance("vote", proposal, "yes", "--authority", "--yes")
    assert "This vote decides it." in told
    assert "The proposal is accepted; it decides from block" in told

    network.nodes = (*network.nodes, newcomer.node)
    network.start("lakeside")
    for number in range(3):
        network.client().commit(Person(f"somebody {number}").registers())
    network.until(lambda: network.same_state((*MONIKERS, "lakeside")), "the newcomer has every block")
    assert "lakeside" in {one.moniker for one in network.client().validators()}
    assert "accepted" in governance("list", "--all")

    told = governance("propose", "leave", "--validator", "lakeside", "--authority", "--yes")
    proposal = re.search(r"Proposed in block \d+: (\S{22})", told)[1]  # type: ignore[index]
    assert "leave public lakeside" in governance("list")
    for who in (("--as", "north-lake"), ("--as", "riverside"), ("--authority",)):
        told = governance("vote", proposal, "yes", *who, "--yes")
    assert "accepted" in told


def test_what_the_ledger_would_refuse_is_refused_before_anything_is_signed(
    network: Network, consortium: World, newcomer: Newcomer
) -> None:
    before = governance("list", "--all")
    assert "a third or more" in refusal(*join(newcomer, "--as", "north-lake", "--yes", power="25"))
    same = ("--validator", "riverside", "--power", "10", "--authority", "--yes")
    assert "has this power already" in refusal("propose", "power", *same)
    assert "no validator has this key" in refusal(
        "propose", "leave", "--validator", b64u_encode(b"\7" * 32), "--authority", "--yes"
    )
    assert governance("list", "--all") == before


def test_other_kinds_of_change_are_previewed_by_the_same_rule(consortium: World) -> None:
    weights = ("--availability", "1", "--contribution", "1")
    rules = ("propose", "election", "--every", "100", "--seats", "4", *weights, "--as", "north-lake")
    told = governance(*rules, "--dry-run")
    assert "election every 100, seats 4" in told
    assert " *" not in told
    assert "seats" in refusal(
        "propose", "election", "--every", "100", *weights, "--as", "north-lake", "--yes"
    )
    assert "every" in refusal("propose", "election", "--every", "-5", "--seats", "4", *weights, "--authority")


def test_a_vote_without_the_right_is_refused(consortium: World, newcomer: Newcomer) -> None:
    told = governance("propose", "leave", "--validator", "hillside", "--as", "evergreen", "--yes")
    proposal = re.search(r"Proposed in block \d+: (\S{22})", told)[1]  # type: ignore[index]
    assert "only the consortium's hospitals" in refusal("vote", proposal, "yes", "--as", "evergreen", "--yes")
    governance("vote", proposal, "no", "--as", "north-lake", "--yes")
    assert "has voted" in refusal("vote", proposal, "yes", "--as", "north-lake", "--yes")
    assert re.search(r"no +North Lake Hospital\n", governance("show", proposal))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("propose", "join", "--power", "10", "--authority"), "still needed: --validator, --moniker, --host"),
        (("propose", "leave", "--validator", "nowhere", "--authority"), "nor an Ed25519 key"),
        (("propose", "leave", "--validator", "hillside", "--as", "nobody"), "no organisation 'nobody'"),
        (("propose", "power", "--validator", "hillside", "--power", "many", "--authority"), "power"),
        (("propose", "leave", "--validator", "hillside", "--days", "8", "--authority"), "seven days"),
        (("propose", "leave", "--validator", "hillside", "--authority"), "Add --yes"),
        (("vote", "zzzz", "yes", "--authority"), "No recent proposal begins with 'zzzz'"),
        (("list", "--time-zone", "Middle/Earth"), "no time zone"),
    ],
)
def test_a_wrong_call_says_what_to_do_next(
    consortium: World, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert said in refusal(*arguments)


def test_without_a_ledger_the_command_says_so(consortium: World, settings: Any) -> None:
    settings.SALUS_LEDGER_RPC = [f"http://127.0.0.1:{free_ports(1)}"]
    assert "no validator gave an answer" in refusal("list")


def test_every_kind_of_change_has_its_command_and_its_words() -> None:
    assert set(get_args(Change)) == set(KINDS.values())
    assert all(kind.__doc__ for kind in KINDS.values())


def test_one_more_node_is_made_for_a_network_that_is_there(tmp_path: Path) -> None:
    made = Network.make(tmp_path / "net")
    out = io.StringIO()
    arguments = ("--home", str(made.home), "--moniker", "lakeside", "--port", str(free_ports(10)))
    call_command("devnet", "add", *arguments, stdout=out)
    assert "governance propose join --home" in out.getvalue()
    card = node_card(made.home / "lakeside")
    assert card["moniker"] == "lakeside"
    assert len(Home(made.home / "lakeside").peers()) == len(MONIKERS)
    with pytest.raises(CommandError, match="exists already"):
        call_command("devnet", "add", *arguments)
    with pytest.raises(HomeInvalid, match="cannot be read"):
        node_card(tmp_path)
