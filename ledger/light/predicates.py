"""One predicate per check of a light client; each answers with a Verdict.

Rules (CometBFT light client specification; ICS-002's names where they exist)
- A commit has one slot per validator, in the set's order; a slot's address must be that of its index.
- Every signature in a commit counts or condemns: one bad signature makes the commit invalid.
- Power is counted once per validator, however often its signature occurs.
- `trusted` power is looked up by address, since the sets may differ; `own` power by index and address.
"""

from collections.abc import Iterator
from fractions import Fraction

from ledger.light.verdict import (
    SUCCESS,
    LightBlock,
    Options,
    TrustedState,
    Verdict,
    invalid,
    not_enough_trust,
)
from ledger.types.block import BlockIDFlag, Commit, CommitSig, Header
from ledger.types.signing import verify_ed25519
from ledger.types.validators import Validator, ValidatorSet


def same_chain(trusted: Header, untrusted: Header) -> Verdict:
    """Both headers are of one chain."""
    if trusted.chain_id != untrusted.chain_id:
        return invalid(f"expected chain {trusted.chain_id!r}, got {untrusted.chain_id!r}")
    return SUCCESS


def within_trusting_period(trusted: Header, options: Options, now_ns: int) -> Verdict:
    """The trusted header is young enough for its validators to be held to their word."""
    if trusted.time_ns + options.trusting_period_ns <= now_ns:
        return invalid("the trusted header is older than the trusting period: start from a newer one")
    return SUCCESS


def not_from_future(untrusted: Header, options: Options, now_ns: int) -> Verdict:
    """The header's time has come, give or take clock drift."""
    if untrusted.time_ns >= now_ns + options.clock_drift_ns:
        return invalid("the header's time lies in the future")
    return SUCCESS


def validators_match(block: LightBlock) -> Verdict:
    """The validators given are those that the header names."""
    if block.validators.hash != block.header.validators_hash:
        return invalid("the validators are not those of the header's validators_hash")
    return SUCCESS


def next_validators_match(block: LightBlock) -> Verdict:
    """The next validators, when given, are those that the header names."""
    if block.next_validators is not None and block.next_validators.hash != block.header.next_validators_hash:
        return invalid("the next validators are not those of the header's next_validators_hash")
    return SUCCESS


def header_matches_commit(block: LightBlock) -> Verdict:
    """The commit is for this header."""
    if block.commit.height != block.header.height:
        return invalid(f"header of height {block.header.height}, commit of {block.commit.height}")
    if block.commit.block_id.hash != block.header.hash or not block.commit.block_id.is_complete:
        return invalid("the commit is for another block than this header")
    return SUCCESS


def time_grows(trusted: Header, untrusted: Header) -> Verdict:
    """BFT time rises with every block."""
    if untrusted.time_ns <= trusted.time_ns:
        return invalid("the header is not later than the trusted one")
    return SUCCESS


def height_grows(trusted: Header, untrusted: Header) -> Verdict:
    """The header is above the trusted one."""
    if untrusted.height <= trusted.height:
        return invalid(f"expected a height above {trusted.height}, got {untrusted.height}")
    return SUCCESS


def follows_trusted(trusted: TrustedState, block: LightBlock) -> Verdict:
    """The next height's validators are those that the trusted header announced."""
    if block.header.height == trusted.header.height + 1 and (
        block.header.validators_hash != trusted.header.next_validators_hash
    ):
        return invalid("the validators are not those that the trusted header announced")
    return SUCCESS


def trusted_state_is_whole(trusted: TrustedState) -> Verdict:
    """The trusted validators are those that the trusted header announced."""
    if trusted.next_validators.hash != trusted.header.next_validators_hash:
        return invalid("the trusted validators are not those of the trusted header")
    return SUCCESS


def slots_match_validators(commit: Commit, validators: ValidatorSet) -> Verdict:
    """One slot per validator; each that is filled carries the address of its index."""
    if len(commit.signatures) != len(validators):
        return invalid(f"expected {len(validators)} slots in the commit, got {len(commit.signatures)}")
    for index, validator, slot in _filled(commit, validators):
        if slot.validator_address != validator.address:
            return invalid(f"slot {index} of the commit has the address of another validator")
    return SUCCESS


def signatures_are_good(commit: Commit, validators: ValidatorSet, chain_id: str) -> Verdict:
    """Every filled slot is signed by the validator at its index."""
    for index, validator, slot in _filled(commit, validators):
        if not verify_ed25519(validator.public_key, commit.sign_bytes(chain_id, index), slot.signature):
            return invalid(f"slot {index} of the commit has a bad signature")
    return SUCCESS


def enough_signed(commit: Commit, validators: ValidatorSet) -> Verdict:
    """More than two thirds of the header's own validators signed for the block."""
    power = sum(
        validator.power
        for _index, validator, slot in _filled(commit, validators)
        if slot.flag is BlockIDFlag.COMMIT
    )
    if not validators.has_two_thirds(power):
        return invalid(f"{power} of {validators.total_power} signed: not more than two thirds")
    return SUCCESS


def enough_trusted_signed(commit: Commit, trusted: ValidatorSet, level: Fraction) -> Verdict:
    """More than `level` of the power trusted already signed for the block."""
    signers = {slot.validator_address for slot in commit.signatures if slot.flag is BlockIDFlag.COMMIT}
    power = sum(validator.power for validator in trusted.validators if validator.address in signers)
    if power * level.denominator <= trusted.total_power * level.numerator:
        return not_enough_trust(f"{power} of {trusted.total_power} trusted signed: not more than {level}")
    return SUCCESS


def _filled(commit: Commit, validators: ValidatorSet) -> Iterator[tuple[int, Validator, CommitSig]]:
    pairs = zip(validators.validators, commit.signatures, strict=False)
    for index, (validator, slot) in enumerate(pairs):
        if slot.flag is not BlockIDFlag.ABSENT:
            yield index, validator, slot
