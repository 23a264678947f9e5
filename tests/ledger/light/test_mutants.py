"""What a lying full node may serve, and that each lie is refused with its reason."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from ledger.light.proof import verify_inclusion
from ledger.light.verdict import LightBlock, Options, Outcome, TrustedState
from ledger.light.verifier import verify, verify_commit
from ledger.types.block import ABSENT, BlockIDFlag, Commit, CommitSig, Header, Version, data_hash, tx_proof
from ledger.types.ids import NIL, BlockID, PartSetHeader, sha256
from ledger.types.signing import public_key_of, sign
from ledger.types.validators import Validator, ValidatorSet
from ledger.types.vote import VoteType, vote_sign_bytes

CHAIN = "salus-test"
SECOND = 1_000_000_000
SEEDS = {public_key_of(bytes([i]) * 32): bytes([i]) * 32 for i in range(1, 9)}
KEYS = list(SEEDS)
TXS = (b"anchor", b"consent", b"access")
OPTIONS = Options(trusting_period_ns=3600 * SECOND)
NOW = 100 * SECOND


def validators_of(keys: list[bytes]) -> ValidatorSet:
    return ValidatorSet.of(Validator.of(key, 10) for key in keys)


FOUR = validators_of(KEYS[:4])


def header_of(height: int, validators: ValidatorSet = FOUR, after: ValidatorSet = FOUR) -> Header:
    block_id = BlockID(b"\x01" * 32, PartSetHeader(1, b"\x02" * 32))
    return Header(
        Version(),
        CHAIN,
        height,
        height * SECOND,
        block_id,
        b"\x03" * 32,
        data_hash(TXS),
        validators.hash,
        after.hash,
        b"\x04" * 32,
        b"\x05" * 32,
        b"\x06" * 32,
        b"\x07" * 32,
        validators.proposer.address,
    )


def slot_of(block_id: BlockID, height: int, validator: Validator, flag: BlockIDFlag) -> CommitSig:
    if flag is BlockIDFlag.ABSENT:
        return ABSENT
    voted = block_id if flag is BlockIDFlag.COMMIT else NIL
    time_ns = (height + 1) * SECOND
    message = vote_sign_bytes(CHAIN, VoteType.PRECOMMIT, height, 0, voted, time_ns)
    return CommitSig(flag, validator.address, time_ns, sign(SEEDS[validator.public_key], message))


def block_of(
    header: Header, validators: ValidatorSet = FOUR, flags: tuple[int, ...] = (2, 2, 2, 2)
) -> LightBlock:
    block_id = BlockID(header.hash, PartSetHeader(1, b"\x08" * 32))
    pairs = zip(validators.validators, flags, strict=True)
    slots = tuple(slot_of(block_id, header.height, v, BlockIDFlag(flag)) for v, flag in pairs)
    return LightBlock(header, Commit(header.height, 0, block_id, slots), validators)


TRUSTED = TrustedState(header_of(1), FOUR)
GOOD = block_of(header_of(5))


def with_slots(*slots: CommitSig) -> LightBlock:
    return replace(GOOD, commit=replace(GOOD.commit, signatures=slots))


def test_three_of_four_signatures_are_enough() -> None:
    assert verify(TRUSTED, GOOD, OPTIONS, NOW).ok
    assert verify(TRUSTED, block_of(header_of(5), flags=(2, 1, 2, 2)), OPTIONS, NOW).ok
    assert verify(TRUSTED, block_of(header_of(5), flags=(2, 3, 2, 2)), OPTIONS, NOW).ok


S = GOOD.commit.signatures
LIES: dict[str, tuple[Callable[[], LightBlock], str]] = {
    "two of four signed": (lambda: block_of(header_of(5), flags=(2, 1, 1, 2)), "not more than two thirds"),
    "votes for nil counted": (lambda: block_of(header_of(5), flags=(2, 3, 3, 2)), "not more than two thirds"),
    "a slot missing": (lambda: with_slots(*S[:3]), "expected 4 slots"),
    "a slot too many": (lambda: with_slots(*S, S[0]), "expected 4 slots"),
    "no slots at all": (lambda: with_slots(), "expected 4 slots"),
    "one vote in every slot": (lambda: with_slots(S[0], S[0], S[0], S[0]), "address of another"),
    "one vote twice": (lambda: with_slots(S[0], S[0], S[2], S[3]), "address of another"),
    "one signature under two addresses": (
        lambda: with_slots(S[0], replace(S[1], signature=S[0].signature), S[2], S[3]),
        "bad signature",
    ),
    "addresses swapped": (
        lambda: with_slots(
            replace(S[0], validator_address=S[1].validator_address),
            replace(S[1], validator_address=S[0].validator_address),
            *S[2:],
        ),
        "address of another",
    ),
    "slots swapped": (lambda: with_slots(S[1], S[0], *S[2:]), "address of another"),
    "a stranger's address": (
        lambda: with_slots(replace(S[0], validator_address=b"\x99" * 20), *S[1:]),
        "address of another",
    ),
    "a signature's bit flipped": (
        lambda: with_slots(
            replace(S[0], signature=bytes([S[0].signature[0] ^ 1]) + S[0].signature[1:]), *S[1:]
        ),
        "bad signature",
    ),
    "a time moved": (lambda: with_slots(replace(S[0], time_ns=S[0].time_ns + 1), *S[1:]), "bad signature"),
    "nil passed for the block": (
        lambda: with_slots(replace(S[0], flag=BlockIDFlag.NIL), *S[1:]),
        "bad signature",
    ),
    "the round moved": (lambda: replace(GOOD, commit=replace(GOOD.commit, round=1)), "bad signature"),
    "the commit's height moved": (
        lambda: replace(GOOD, commit=replace(GOOD.commit, height=6)),
        "commit of 6",
    ),
    "another header": (
        lambda: replace(GOOD, header=replace(GOOD.header, app_hash=b"\x66" * 32)),
        "another block than this header",
    ),
    "other validators": (lambda: replace(GOOD, validators=validators_of(KEYS[4:])), "validators_hash"),
    "other next validators": (
        lambda: replace(GOOD, next_validators=validators_of(KEYS[4:])),
        "next_validators",
    ),
    "a made-up consortium": (
        lambda: replace(block_of(header_of(2, validators_of(KEYS[4:])), validators_of(KEYS[4:]))),
        "announced",
    ),
    "an old height": (lambda: block_of(header_of(1)), "height above 1"),
    "a time that stands still": (lambda: block_of(replace(header_of(5), time_ns=SECOND)), "not later"),
    "a time to come": (lambda: block_of(header_of(101)), "future"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lie_is_refused(lie: str) -> None:
    make, reason = LIES[lie]
    verdict = verify(TRUSTED, make(), OPTIONS, NOW)
    assert verdict.outcome is Outcome.INVALID
    assert reason in verdict.reason


def test_commit_of_another_chain_is_refused() -> None:
    verdict = verify_commit(GOOD.commit, FOUR, "salus-other")
    assert verdict.outcome is Outcome.INVALID
    assert "bad signature" in verdict.reason


def test_strangers_signing_a_later_header_is_not_enough_trust() -> None:
    strangers = validators_of(KEYS[4:])
    verdict = verify(TRUSTED, block_of(header_of(5, strangers), strangers), OPTIONS, NOW)
    assert verdict.outcome is Outcome.NOT_ENOUGH_TRUST


def test_exactly_a_third_of_the_trusted_is_not_enough() -> None:
    trusted = validators_of(KEYS[:3])
    mixed = validators_of([KEYS[0], *KEYS[4:7]])
    state = TrustedState(header_of(1, trusted, trusted), trusted)
    verdict = verify(state, block_of(header_of(5, mixed), mixed), OPTIONS, NOW)
    assert verdict.outcome is Outcome.NOT_ENOUGH_TRUST


def test_trusted_header_beyond_its_period_trusts_nothing() -> None:
    verdict = verify(TRUSTED, GOOD, OPTIONS, 3601 * SECOND)
    assert verdict.outcome is Outcome.INVALID
    assert "trusting period" in verdict.reason


def test_options_below_a_third_are_refused() -> None:
    with pytest.raises(ValueError, match="trust level"):
        Options(SECOND, Fraction(1, 4))


def test_inclusion_is_shown_for_exactly_that_transaction_at_exactly_that_place() -> None:
    header = header_of(5)
    for index, tx in enumerate(TXS):
        proof = tx_proof(TXS, index)
        assert verify_inclusion(header, tx, proof).ok
        assert not verify_inclusion(header, tx + b"!", proof).ok
        assert not verify_inclusion(header, tx, replace(proof, index=(index + 1) % 3)).ok
        assert not verify_inclusion(header, tx, replace(proof, aunts=(*proof.aunts, sha256(b"")))).ok
        assert not verify_inclusion(header, tx, replace(proof, aunts=proof.aunts[:-1])).ok
