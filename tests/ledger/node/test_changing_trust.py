"""Clients and peers when the validators change: whom they believe, and whom they let in."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ledger.client.errors import ProofInvalid
from ledger.client.trust import TrustedValidators
from ledger.light.errors import NoSuchBlock
from ledger.light.verdict import LightBlock
from ledger.node.membership import Membership
from ledger.node.peers import PeerAddress
from ledger.types.block import Block, Commit, Header
from ledger.types.canonical import b64u_encode
from ledger.types.commit import ABSENT
from ledger.types.ids import address_of
from ledger.types.tx_change import Change, KeyRotates, PowerChanges, ValidatorJoins, ValidatorLeaves
from tests.ledger.machine.cast import AUTHORITY, HOUR, NOON
from tests.ledger.machine.test_governance import propose, vote
from tests.ledger.node.chain_maker import NEWCOMER, SEEDS, Maker, genesis_of

KEYS = tuple(key for key in SEEDS if key != NEWCOMER)
NOW_NS = (NOON + HOUR) * 1_000_000
CERTIFICATE = bytes(range(200))


def where() -> dict[str, str | int]:
    return {
        "moniker": "lakeside",
        "host": "127.0.0.1",
        "port": 26600,
        "certificate": b64u_encode(CERTIFICATE),
    }


def join() -> ValidatorJoins:
    return ValidatorJoins(public=b64u_encode(NEWCOMER), power=10, **where())  # type: ignore[arg-type]


def change(maker: Maker, wanted: Change) -> int:
    """Have the authority, alone in its consortium, agree; returns the height from which it is effective."""
    proposal, wire = propose(wanted, by=AUTHORITY, issued_at=maker.executor.time_ns // 1_000_000)
    txs = (wire, vote(proposal, AUTHORITY, issued_at=maker.executor.time_ns // 1_000_000))
    maker.extend(1, lambda height: txs)
    maker.extend(3)
    return maker.executor.app.validator_changes()[-1]


@dataclass
class Served:
    """A full node over a maker's blocks; `twist` makes it lie."""

    maker: Maker
    twist: Callable[[LightBlock], LightBlock] = lambda block: block
    asked: int = 0

    @property
    def name(self) -> str:
        return "served"

    def light_block(self, height: int | None) -> LightBlock:
        self.asked += 1
        assert height is not None
        if not 0 < height <= self.maker.executor.height:
            raise NoSuchBlock(str(height))
        sets = (self.maker.executor.validators_at(height + more) for more in range(2))
        return self.twist(LightBlock(*signed(self.maker, height), *sets))


def signed(maker: Maker, height: int) -> tuple[Header, Commit]:
    stored = maker.executor.store.load(height)
    assert stored is not None
    return Block.decode(stored.block).header, Commit.decode(stored.commit)


def trust(*sources: Served) -> TrustedValidators:
    return TrustedValidators(genesis_of(), lambda: sources, lambda: NOW_NS)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """A ledger on which all genesis validators but one were exchanged or weighed anew, step by step."""
    maker = Maker(tmp_path_factory.mktemp("changed"))
    maker.extend(2)
    change(maker, join())
    change(maker, ValidatorLeaves(public=b64u_encode(KEYS[0])))
    change(maker, PowerChanges(public=b64u_encode(NEWCOMER), power=12))
    change(maker, ValidatorLeaves(public=b64u_encode(KEYS[1])))
    change(maker, ValidatorLeaves(public=b64u_encode(KEYS[2])))
    return maker


def test_client_follows_every_change_from_the_genesis(changed: Maker) -> None:
    followed = trust(Served(changed))
    for height in range(1, changed.executor.height + 1):
        followed.check_signed(*signed(changed, height))
    assert followed.latest.hash == changed.executor.state.validators.hash


def test_client_that_slept_reaches_the_newest_header_and_any_older_one(changed: Maker) -> None:
    late = trust(Served(changed))
    for height in (changed.executor.height, 1, changed.executor.height // 2, 3):
        late.check_signed(*signed(changed, height))


def test_without_changes_nobody_is_asked_for_validators(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "plain")
    maker.extend(3)
    source = Served(maker)
    for height in (3, 1, 2):
        trust(source).check_signed(*signed(maker, height))
    assert source.asked == 0


def test_what_is_known_is_not_asked_again_and_does_not_pile_up(changed: Maker) -> None:
    source = Served(changed)
    followed = trust(source)
    for _ in range(2):
        for height in range(1, changed.executor.height + 1):
            followed.check_signed(*signed(changed, height))
        asked, source.asked = source.asked, 0
    assert asked == 0
    assert len(followed._anchors) <= len(changed.executor.app.validator_changes()) + 2


def test_header_without_its_validators_votes_is_refused(changed: Maker) -> None:
    header, commit = signed(changed, changed.executor.height)
    thin = replace(commit, signatures=(commit.signatures[0], ABSENT))
    with pytest.raises(ProofInvalid):
        trust(Served(changed)).check_signed(header, thin)
    with pytest.raises(ProofInvalid):
        trust(Served(changed)).check_signed(replace(header, app_hash=bytes(32)), commit)
    with pytest.raises(ProofInvalid, match="chain"):
        trust().check_signed(replace(header, chain_id="other"), commit)


def test_source_that_serves_other_validators_is_passed_over(changed: Maker) -> None:
    lying = Served(changed, lambda block: replace(block, validators=genesis_of().validator_set()))
    header, commit = signed(changed, changed.executor.height)
    with pytest.raises(ProofInvalid):
        trust(lying).check_signed(header, commit)
    trust(lying, Served(changed)).check_signed(header, commit)


def peer(name: str, key: bytes = b"") -> PeerAddress:
    return PeerAddress(name, "127.0.0.1", 1, name.encode(), address_of(key) if key else b"")


PINNED = (*(peer(f"pinned {n}", key) for n, key in enumerate(KEYS)), peer("observer"))


def names(membership: Membership) -> set[str]:
    return {one.moniker for one in membership.now()}


def test_newcomer_is_let_in_and_leaver_cut_off_once_the_change_is_effective(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "members")
    maker.extend(1)
    membership = Membership(PINNED, maker.executor, KEYS[3])
    everyone = {"pinned 0", "pinned 1", "pinned 2", "pinned 3", "observer"}
    assert names(membership) == everyone
    effective = change(maker, join())
    assert names(membership) == {*everyone, "lakeside"}
    assert Membership(PINNED, maker.executor, NEWCOMER).now() == PINNED
    change(maker, ValidatorLeaves(public=b64u_encode(KEYS[0])))
    assert effective < maker.executor.height
    assert names(membership) == {*everyone, "lakeside"} - {"pinned 0"}


def test_rotated_key_is_reached_by_the_certificate_it_named(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "members")
    maker.extend(1)
    rotation = KeyRotates(public=b64u_encode(NEWCOMER), replaces=b64u_encode(KEYS[0]), **where())  # type: ignore[arg-type]
    change(maker, rotation)
    found = {one.moniker: one for one in Membership(PINNED, maker.executor, KEYS[3]).now()}
    assert "pinned 0" not in found
    assert found["lakeside"].certificate == CERTIFICATE
    assert found["lakeside"].validator == address_of(NEWCOMER)
