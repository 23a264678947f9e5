"""Evidence of double signing: what counts, what does not, and what the pool holds on to."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ledger.node.evidence import DoesNotCount, check, check_block, culprits
from ledger.node.evidence_pool import EvidencePool
from ledger.types.evidence import DuplicateVoteEvidence, EvidenceError
from ledger.types.ids import BlockID, PartSetHeader
from ledger.types.params import ConsensusParams
from ledger.types.signing import public_key_of, sign
from ledger.types.validators import Validator, ValidatorSet
from ledger.types.vote import Vote, VoteType

CHAIN = "salus-test"
SECOND = 1_000_000_000
SEEDS = {public_key_of(bytes([n]) * 32): bytes([n]) * 32 for n in range(1, 5)}
SET = ValidatorSet.of(Validator.of(key, 10) for key in SEEDS)
ONE, OTHER = (BlockID(bytes([n]) * 32, PartSetHeader(1, bytes([n]) * 32)) for n in (1, 2))


@dataclass
class Past:
    """A chain of one block per second."""

    height: int = 10
    chain_id: str = CHAIN
    params: ConsensusParams = field(
        default_factory=lambda: ConsensusParams(evidence_max_age_blocks=5, evidence_max_age_ns=7 * SECOND)
    )
    punished: set[bytes] = field(default_factory=set)
    base: int = 1

    @property
    def time_ns(self) -> int:
        return self.height * SECOND

    def validators_at(self, height: int) -> ValidatorSet:
        return SET

    def header_time_ns(self, height: int) -> int | None:
        return height * SECOND if self.base <= height <= self.height else None

    def is_punished(self, public_key: bytes) -> bool:
        return public_key in self.punished


def vote(index: int, block_id: BlockID, height: int = 9, type_: VoteType = VoteType.PREVOTE) -> Vote:
    voter = SET.validators[index]
    unsigned = Vote(type_, height, 0, block_id, height * SECOND, voter.address, index)
    return replace(unsigned, signature=sign(SEEDS[voter.public_key], unsigned.sign_bytes(CHAIN)))


def evidence(index: int = 0, height: int = 9) -> DuplicateVoteEvidence:
    votes = vote(index, ONE, height), vote(index, OTHER, height)
    return DuplicateVoteEvidence.of(*votes, SET, height * SECOND)


def test_two_votes_of_one_validator_count() -> None:
    check(evidence(), Past())
    check_block([evidence(0), evidence(1)], Past())
    assert culprits([evidence(2)], Past()) == (SET.validators[2].public_key,)


def test_forged_signature_wrong_time_and_wrong_power_show_nothing() -> None:
    good = evidence()
    forged = replace(good, vote_b=replace(good.vote_b, signature=bytes(64)))
    for bad in (
        forged,
        replace(good, time_ns=1),
        replace(good, validator_power=11),
        replace(good, vote_b=good.vote_a),
    ):
        with pytest.raises(EvidenceError):
            check(bad, Past())


def test_evidence_expires_only_when_older_than_both_limits() -> None:
    check(evidence(height=5), Past(height=10))
    check(evidence(height=4), Past(height=10))
    check(evidence(height=4), Past(height=11))
    with pytest.raises(DoesNotCount, match="too long ago"):
        check(evidence(height=4), Past(height=12))


def test_node_that_took_a_snapshot_over_judges_evidence_from_before_it() -> None:
    synced = Past(base=10)
    check(evidence(height=9), synced)
    check_block([evidence(0, height=6), evidence(1, height=9)], synced)
    with pytest.raises(EvidenceError):
        check(replace(evidence(height=9), vote_b=replace(evidence().vote_b, signature=bytes(64))), synced)
    with pytest.raises(EvidenceError):
        check(replace(evidence(height=9), validator_power=11), synced)


def test_evidence_of_the_future_or_of_a_pruned_block_does_not_count() -> None:
    with pytest.raises(DoesNotCount, match="we are at"):
        check(evidence(height=11), Past())
    with pytest.raises(DoesNotCount, match="do not hold"):
        check(evidence(height=4), Past(base=10))


def test_same_validator_counts_once_whatever_the_height() -> None:
    punished = Past(punished={SET.validators[0].public_key})
    for height in (8, 9):
        with pytest.raises(DoesNotCount, match="punished"):
            check(evidence(height=height), punished)
    with pytest.raises(EvidenceError, match="two pieces"):
        check_block([evidence(height=8), evidence(height=9)], Past())


def test_block_with_too_many_bytes_of_evidence_is_refused() -> None:
    small = Past(params=ConsensusParams(evidence_max_bytes=100))
    with pytest.raises(EvidenceError, match="bytes"):
        check_block([evidence()], small)


def test_pool_takes_each_validator_once_and_forgets_the_punished(tmp_path: Path) -> None:
    past = Past()
    pool = EvidencePool(tmp_path / "evidence", past)
    assert pool.add(evidence(0))
    assert not pool.add(evidence(0))
    assert not pool.add(evidence(0, height=8))
    assert pool.add(evidence(1))
    past.punished.add(SET.validators[0].public_key)
    pool.settle()
    assert pool.pending() == (evidence(1),)


def test_pool_refuses_a_lie_and_passes_over_what_is_too_early(tmp_path: Path) -> None:
    pool = EvidencePool(tmp_path / "evidence", Past())
    with pytest.raises(EvidenceError):
        pool.add(replace(evidence(), time_ns=1))
    assert not pool.add(evidence(height=11))
    assert len(pool) == 0


def test_what_consensus_finds_counts_once_its_height_is_decided(tmp_path: Path) -> None:
    past = Past()
    pool = EvidencePool(tmp_path / "evidence", past)
    assert pool.found(vote(0, ONE, 11), vote(0, OTHER, 11)) is None
    assert pool.settle() == []
    past.height = 11
    (made,) = pool.settle()
    check(made, past)
    assert pool.pending() == (made,)
    late = pool.found(vote(1, OTHER, 11, VoteType.PRECOMMIT), vote(1, ONE, 11, VoteType.PRECOMMIT))
    assert late is not None
    check(late, past)


def test_pool_survives_a_restart_but_believes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "evidence"
    EvidencePool(path, Past()).add(evidence())
    assert EvidencePool(path, Past()).pending() == (evidence(),)
    path.write_bytes(path.read_bytes().replace(evidence().vote_a.signature, bytes(64)))
    assert len(EvidencePool(path, Past())) == 0
    path.write_bytes(b"torn")
    assert len(EvidencePool(path, Past())) == 0


def test_pool_offers_no_more_than_a_block_may_hold(tmp_path: Path) -> None:
    size = len(evidence().encode())
    past = Past(params=ConsensusParams(evidence_max_bytes=2 * size + 10))
    pool = EvidencePool(tmp_path / "evidence", past)
    assert all(pool.add(evidence(index)) for index in range(3))
    check_block(pool.pending(), past)
    assert len(pool.pending()) == 2
