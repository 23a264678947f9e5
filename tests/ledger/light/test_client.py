"""The light client against honest nodes, silent ones and liars."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.light.client import LightClient, Mode
from ledger.light.detector import Testimony as Said
from ledger.light.detector import examine
from ledger.light.errors import AttackDetected, HeaderRefused, NothingTrusted
from ledger.light.evidence import AttackEvidence, AttackKind
from ledger.light.store import MemoryStore
from ledger.light.verdict import LightBlock, Options, TrustedState
from ledger.types.genesis import Genesis, GenesisValidator
from ledger.types.validators import ValidatorSet
from tests.ledger.light.chain import CHAIN, SECOND, START, ChainProvider, Plan, grow, name_of, validators_of
from tests.ledger.light.scenarios import HONEST, ROTATING, SCENARIOS, Answer, forked

OPTIONS = Options(3600 * SECOND)
NOW = START + 60 * SECOND


def named(addresses: list[str]) -> str:
    return "".join(sorted(name_of(each) for each in everybody() if each.address.hex().upper() in addresses))


def everybody() -> tuple:  # type: ignore[type-arg]
    return validators_of("ABCDEFGHIJKLMNOP").validators


def check(answer: Answer, expected: Answer) -> None:
    """`expected` names what must hold of `answer`; evidence by kinds, common height and guilty letters."""
    evidence = answer.get("evidence", [])
    told = {
        **answer,
        "kinds": [kind for kind, _height, _guilty in evidence],
        "common": evidence[0][1] if evidence else None,
        "guilty": [named(guilty) for _kind, _height, guilty in evidence],
    }
    assert {name: told.get(name) for name in expected} == expected, answer


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    check(SCENARIOS[name].play(), SCENARIOS[name].expected)


def test_bisection_asks_for_less_than_every_header() -> None:
    asked = SCENARIOS["changed validators are bisected to"].play()["asked"]
    strict = SCENARIOS["a stricter trust level takes smaller steps"].play()["asked"]
    assert 1 < len(asked) < len(strict) < 24
    assert len(set(asked)) == len(asked)


MEMBERS = st.lists(st.sets(st.sampled_from("ABCDEFGH"), min_size=1, max_size=5), min_size=13, max_size=13)


@settings(max_examples=30, deadline=None)
@given(MEMBERS)
def test_skipping_and_visiting_every_header_end_alike(members: list[set[str]]) -> None:
    """Whatever the changes, bisection verifies what sequential verification does."""
    chain = grow(Plan(lambda height: "".join(sorted(members[height - 1]))), 12)
    for mode in Mode:
        client = LightClient(
            ChainProvider("primary", chain), [], MemoryStore([chain[1]]), OPTIONS, lambda: NOW, mode
        )
        assert client.verify_to(12) == chain[12]


def test_what_is_kept_is_not_fetched_again() -> None:
    primary = ChainProvider("primary", HONEST)
    client = LightClient(primary, [], MemoryStore([HONEST[1]]), OPTIONS, lambda: NOW)
    assert client.verify_to(9) is client.verify_to(9)
    assert primary.asked == [9]


def test_empty_store_trusts_nothing() -> None:
    client = LightClient(ChainProvider("primary", HONEST), [], MemoryStore(), OPTIONS, lambda: NOW)
    with pytest.raises(NothingTrusted):
        client.verify_to(9)


def test_expired_block_below_is_passed_over_for_a_fresh_one_above() -> None:
    store = MemoryStore([HONEST[1], HONEST[10]])
    now = HONEST[2].header.time_ns + 3600 * SECOND
    client = LightClient(ChainProvider("primary", HONEST), [], store, OPTIONS, lambda: now)
    assert client.verify_to(8) == HONEST[8]


def test_client_starts_from_the_genesis() -> None:
    members = tuple(
        GenesisValidator(each.public_key, each.power) for each in validators_of("ABCD").validators
    )
    genesis = Genesis(CHAIN, START, members, {})
    client = LightClient(ChainProvider("primary", HONEST), [], MemoryStore(), OPTIONS, lambda: NOW)
    assert client.start(TrustedState.of_genesis(genesis)) == HONEST[1]
    assert client.verify_to(12) == HONEST[12]
    strangers = ChainProvider("p", grow(Plan(lambda height: "EFGH"), 2))
    misled = LightClient(strangers, [], MemoryStore(), OPTIONS, lambda: NOW)
    with pytest.raises(HeaderRefused, match="announced"):
        misled.start(TrustedState.of_genesis(genesis))


def test_client_starts_from_a_hash_that_a_person_vouches_for() -> None:
    store = MemoryStore()
    client = LightClient(ChainProvider("primary", HONEST), [], store, OPTIONS, lambda: NOW)
    with pytest.raises(HeaderRefused, match="vouched"):
        client.trust(5, HONEST[6].header.hash)
    assert store.blocks() == ()
    assert client.trust(5, HONEST[5].header.hash) == HONEST[5]


def test_vouched_header_from_the_future_is_refused() -> None:
    client = LightClient(ChainProvider("primary", HONEST), [], MemoryStore(), OPTIONS, lambda: START)
    with pytest.raises(HeaderRefused, match="future"):
        client.trust(5, HONEST[5].header.hash)


def test_vouched_header_with_other_validators_is_refused() -> None:
    bad = {5: replace(HONEST[5], validators=validators_of("EFGH"))}
    client = LightClient(ChainProvider("primary", bad), [], MemoryStore(), OPTIONS, lambda: NOW)
    with pytest.raises(HeaderRefused, match="validators_hash"):
        client.trust(5, HONEST[5].header.hash)


def evidence_of(primary: dict[int, LightBlock]) -> AttackDetected:
    client = LightClient(
        ChainProvider("primary", primary),
        [ChainProvider("witness", HONEST)],
        MemoryStore([HONEST[1]]),
        OPTIONS,
        lambda: NOW,
    )
    with pytest.raises(AttackDetected) as caught:
        client.verify_to(12)
    return caught.value


@pytest.mark.parametrize("kind", AttackKind)
def test_evidence_convinces_somebody_who_has_the_chain(kind: AttackKind) -> None:
    forks = {
        AttackKind.LUNATIC: forked(7, app=lambda height: "forged"),
        AttackKind.EQUIVOCATION: forked(12, signers=lambda height: "BCD"),
        AttackKind.AMNESIA: forked(12, round=lambda height: 1),
    }
    against_primary, _against_witness = evidence_of(forks[kind]).evidence
    assert against_primary.kind is kind
    assert against_primary.check(HONEST[12], HONEST[1], OPTIONS).ok


def test_evidence_that_accuses_the_innocent_or_nothing_is_refused() -> None:
    real, _other = evidence_of(forked(12, signers=lambda height: "BCD")).evidence
    framed = replace(real, byzantine=(validators_of("A").validators[0],))
    assert not framed.check(HONEST[12], HONEST[1], OPTIONS).ok
    everyone = tuple(replace(each, priority=0) for each in HONEST[12].validators.validators)
    same = replace(real, conflicting=HONEST[12], byzantine=everyone)
    assert not same.check(HONEST[12], HONEST[1], OPTIONS).ok
    forged = forked(12, signers=lambda height: "A")[12]
    unsigned = type(real).of(forged, HONEST[12], HONEST[1])
    assert unsigned.check(HONEST[12], HONEST[1], OPTIONS).rule == "quorum"


def test_strangers_signatures_are_no_evidence() -> None:
    """Anybody can sign with keys of their own: only those trusted at the common height can be accused."""
    strangers = grow(Plan(lambda height: "EFGH", app=lambda height: "forged"), 12)[12]
    made_up = AttackEvidence.of(strangers, HONEST[12], HONEST[1])
    assert made_up.byzantine == ()
    assert made_up.check(HONEST[12], HONEST[1], OPTIONS).rule == "trust"


def test_equivocation_yields_double_votes_that_the_chain_itself_punishes() -> None:
    evidence = evidence_of(forked(12, signers=lambda height: "BCD")).evidence[0]
    votes = evidence.duplicate_votes(HONEST[12])
    assert len(votes) == 3
    for vote in votes:
        vote.check(HONEST[12].validators, CHAIN, HONEST[12].header.time_ns)


def test_evidence_is_written_as_cometbft_does() -> None:
    evidence = evidence_of(forked(12, signers=lambda height: "BCD")).evidence[0]
    document = evidence.to_json()
    assert document["type"] == "tendermint/LightClientAttackEvidence"
    assert document["value"]["CommonHeight"] == "12"
    assert len(document["value"]["ByzantineValidators"]) == 3
    assert document["value"]["TotalVotingPower"] == "40"


def with_priorities(block: LightBlock, own: ValidatorSet) -> LightBlock:
    return replace(block, validators=own, next_validators=own.advanced(1), priorities_stated=True)


def test_witness_with_other_proposer_priorities_is_dropped() -> None:
    own = HONEST[12].validators
    ours, other = with_priorities(HONEST[12], own), with_priorities(HONEST[12], own.advanced(1))
    trace = [HONEST[1], ours]
    assert examine(trace, ChainProvider("w", {12: ours}), OPTIONS, NOW) is Said.CONFIRMS
    assert examine(trace, ChainProvider("w", {12: other}), OPTIONS, NOW) is Said.FAULTY


def test_trust_level_of_two_thirds_wants_more_than_half_the_overlap() -> None:
    """Blocks 1 and 7 share two of four: enough for a third, too little for two thirds."""
    for level, steps in ((Fraction(1, 3), 1), (Fraction(2, 3), 2)):
        primary = ChainProvider("primary", ROTATING)
        options = Options(3600 * SECOND, level)
        LightClient(primary, [], MemoryStore([ROTATING[1]]), options, lambda: NOW).verify_to(7)
        assert len(primary.asked) >= steps
        assert (len(primary.asked) == 1) is (steps == 1)
