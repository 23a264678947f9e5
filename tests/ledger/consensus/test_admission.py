"""Only a validator of the height speaks, and only for itself: forged and moved messages stay out."""

from dataclasses import replace

import pytest

from ledger.consensus.admission import NotAdmitted, verify_proposal, verify_vote
from ledger.types.ids import NIL, BlockID, PartSetHeader
from ledger.types.proposal import Proposal
from ledger.types.signing import public_key_of, sign
from ledger.types.validators import Validator, ValidatorSet
from ledger.types.vote import Vote, VoteType

CHAIN = "salus-test"
SEEDS = {public_key_of(bytes([i]) * 32): bytes([i]) * 32 for i in range(1, 5)}
VALIDATORS = ValidatorSet.of(Validator.of(key, 10) for key in SEEDS)
BLOCK = BlockID(b"\x01" * 32, PartSetHeader(1, b"\x02" * 32))


def signed_vote(index: int = 0, chain: str = CHAIN) -> Vote:
    validator = VALIDATORS.validators[index]
    vote = Vote(VoteType.PREVOTE, 5, 0, BLOCK, 7, validator.address, index)
    return replace(vote, signature=sign(SEEDS[validator.public_key], vote.sign_bytes(chain)))


def signed_proposal(round_: int, proposer: Validator) -> Proposal:
    proposal = Proposal(5, round_, -1, BLOCK, 7)
    return replace(proposal, signature=sign(SEEDS[proposer.public_key], proposal.sign_bytes(CHAIN)))


def test_vote_of_a_validator_is_admitted() -> None:
    for index in range(4):
        verify_vote(signed_vote(index), VALIDATORS, CHAIN)


@pytest.mark.parametrize(
    "change",
    [
        {"height": 6},
        {"round": 1},
        {"type": VoteType.PRECOMMIT},
        {"block_id": NIL},
        {"time_ns": 8},
        {"validator_index": 1},
        {"validator_index": 4},
        {"validator_index": -1},
        {"validator_address": VALIDATORS.validators[1].address},
        {"validator_index": 1, "validator_address": VALIDATORS.validators[1].address},
        {"signature": b""},
        {"signature": bytes(64)},
    ],
    ids=str,
)
def test_vote_changed_by_mallory_is_not_admitted(change: dict[str, object]) -> None:
    with pytest.raises(NotAdmitted):
        verify_vote(replace(signed_vote(), **change), VALIDATORS, CHAIN)


def test_vote_of_another_ledger_is_not_admitted() -> None:
    with pytest.raises(NotAdmitted):
        verify_vote(signed_vote(chain="salus-other"), VALIDATORS, CHAIN)


def test_proposal_is_admitted_from_the_proposer_of_its_round_alone() -> None:
    for round_ in range(5):
        for validator in VALIDATORS.validators:
            proposal = signed_proposal(round_, validator)
            if validator.address == VALIDATORS.proposer_at(round_).address:
                verify_proposal(proposal, VALIDATORS, CHAIN)
            else:
                with pytest.raises(NotAdmitted):
                    verify_proposal(proposal, VALIDATORS, CHAIN)


def test_proposal_for_an_absurd_round_costs_no_work() -> None:
    for round_ in (-1, 2**31 - 1):
        with pytest.raises(NotAdmitted, match="no honest round"):
            verify_proposal(
                replace(signed_proposal(0, VALIDATORS.proposer_at(0)), round=round_), VALIDATORS, CHAIN
            )


def test_proposal_moved_to_another_round_is_not_admitted() -> None:
    proposal = signed_proposal(0, VALIDATORS.proposer_at(0))
    for change in ({"round": 4}, {"height": 6}, {"pol_round": 0}):
        with pytest.raises(NotAdmitted):
            verify_proposal(replace(proposal, **change), VALIDATORS, CHAIN)
