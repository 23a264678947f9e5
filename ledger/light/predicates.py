"""One predicate per check of a light client; each answers with a Verdict.

Rules (CometBFT light client specification; ICS-002's names where they exist)
- A commit has one slot per validator, in the set's order; a slot's address must be that of its index.
- Every signature in a commit counts or condemns: one bad signature makes the commit invalid.
- Power is counted once per validator, however often its signature occurs.
- `trusted` power is looked up by address, since the sets may differ; `own` power by index and address.
- Proposer priorities are in no hash: where they are stated at all, they must follow from those before.
- Each refusal names its rule; JavaScript's light_predicates.js gives the same names.
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
        return invalid("chain", f"expected chain {trusted.chain_id!r}, got {untrusted.chain_id!r}")
    return SUCCESS


def within_trusting_period(trusted: Header, options: Options, now_ns: int) -> Verdict:
    """The trusted header is young enough for its validators to be held to their word."""
    if trusted.time_ns + options.trusting_period_ns <= now_ns:
        return invalid(
            "trusting period", "the trusted header is older than the trusting period: start from a newer one"
        )
    return SUCCESS


def not_from_future(untrusted: Header, options: Options, now_ns: int) -> Verdict:
    """The header's time has come, give or take clock drift."""
    if untrusted.time_ns >= now_ns + options.clock_drift_ns:
        return invalid("future", "the header's time lies in the future")
    return SUCCESS


def validators_match(block: LightBlock) -> Verdict:
    """The validators given are those that the header names."""
    if block.validators.hash != block.header.validators_hash:
        return invalid("validators", "the validators are not those of the header's validators_hash")
    return SUCCESS


def next_validators_match(block: LightBlock) -> Verdict:
    """The next validators, when given, are those that the header names."""
    if block.next_validators is not None and block.next_validators.hash != block.header.next_validators_hash:
        return invalid("validators", "the next validators are not those of the header's next_validators_hash")
    return SUCCESS


def header_matches_commit(block: LightBlock) -> Verdict:
    """The commit is for this header."""
    if block.commit.height != block.header.height:
        return invalid("commit", f"header of height {block.header.height}, commit of {block.commit.height}")
    if block.commit.block_id.hash != block.header.hash or not block.commit.block_id.is_complete:
        return invalid("commit", "the commit is for another block than this header")
    return SUCCESS


def time_grows(trusted: Header, untrusted: Header) -> Verdict:
    """BFT time rises with every block."""
    if untrusted.time_ns <= trusted.time_ns:
        return invalid("time", "the header is not later than the trusted one")
    return SUCCESS


def height_grows(trusted: Header, untrusted: Header) -> Verdict:
    """The header is above the trusted one."""
    if untrusted.height <= trusted.height:
        return invalid("height", f"expected a height above {trusted.height}, got {untrusted.height}")
    return SUCCESS


def follows_trusted(trusted: TrustedState, block: LightBlock) -> Verdict:
    """The next height's validators are those that the trusted header announced."""
    if block.header.height == trusted.header.height + 1 and (
        block.header.validators_hash != trusted.header.next_validators_hash
    ):
        return invalid("validators", "the validators are not those that the trusted header announced")
    return SUCCESS


def trusted_state_is_whole(trusted: TrustedState) -> Verdict:
    """The trusted validators are those that the trusted header announced."""
    if trusted.next_validators.hash != trusted.header.next_validators_hash:
        return invalid("validators", "the trusted validators are not those of the trusted header")
    return SUCCESS


def priorities_match_trusted(trusted: TrustedState, block: LightBlock) -> Verdict:
    """Where both state proposer priorities, the next height's are those worked out from the trusted ones."""
    adjacent = block.header.height == trusted.header.height + 1
    stated = trusted.priorities_stated and block.priorities_stated
    if adjacent and stated and _priorities(block.validators) != _priorities(trusted.next_validators):
        return invalid("priorities", "the proposer priorities do not follow from the trusted ones")
    return SUCCESS


def priorities_advance(block: LightBlock) -> Verdict:
    """Where both sets of a block state priorities and nobody joined or left, one turn lies between them."""
    after = block.next_validators
    if not block.priorities_stated or after is None or after.hash != block.validators.hash:
        return SUCCESS
    if _priorities(after) != _priorities(block.validators.advanced(1)):
        return invalid("priorities", "the next proposer priorities are not one turn after this block's")
    return SUCCESS


def links_back(newer: Header, older: Header) -> Verdict:
    """`older` is the very header that `newer`, which is trusted, names as the one before it."""
    if older.chain_id != newer.chain_id:
        return invalid("chain", f"expected chain {newer.chain_id!r}, got {older.chain_id!r}")
    if older.height != newer.height - 1 or older.hash != newer.last_block_id.hash:
        return invalid(
            "link", f"header {newer.height} names another one before it than this of {older.height}"
        )
    if older.time_ns >= newer.time_ns:
        return invalid("time", "the header before is not earlier")
    return SUCCESS


def slots_match_validators(commit: Commit, validators: ValidatorSet) -> Verdict:
    """One slot per validator; each that is filled carries the address of its index."""
    if len(commit.signatures) != len(validators):
        return invalid(
            "commit", f"expected {len(validators)} slots in the commit, got {len(commit.signatures)}"
        )
    for index, validator, slot in _filled(commit, validators):
        if slot.validator_address != validator.address:
            return invalid("commit", f"slot {index} of the commit has the address of another validator")
    return SUCCESS


def signatures_are_good(commit: Commit, validators: ValidatorSet, chain_id: str) -> Verdict:
    """Every filled slot is signed by the validator at its index."""
    for index, validator, slot in _filled(commit, validators):
        if not verify_ed25519(validator.public_key, commit.sign_bytes(chain_id, index), slot.signature):
            return invalid("signature", f"slot {index} of the commit has a bad signature")
    return SUCCESS


def enough_signed(commit: Commit, validators: ValidatorSet) -> Verdict:
    """More than two thirds of the header's own validators signed for the block."""
    power = sum(
        validator.power
        for _index, validator, slot in _filled(commit, validators)
        if slot.flag is BlockIDFlag.COMMIT
    )
    if not validators.has_two_thirds(power):
        return invalid("quorum", f"{power} of {validators.total_power} signed: not more than two thirds")
    return SUCCESS


def enough_trusted_signed(commit: Commit, trusted: ValidatorSet, level: Fraction) -> Verdict:
    """More than `level` of the power trusted already signed for the block."""
    signers = {slot.validator_address for slot in commit.signatures if slot.flag is BlockIDFlag.COMMIT}
    power = sum(validator.power for validator in trusted.validators if validator.address in signers)
    if power * level.denominator <= trusted.total_power * level.numerator:
        return not_enough_trust(
            "trust", f"{power} of {trusted.total_power} trusted signed: not more than {level}"
        )
    return SUCCESS


def _priorities(validators: ValidatorSet) -> tuple[int, ...]:
    return tuple(validator.priority for validator in validators.validators)


def _filled(commit: Commit, validators: ValidatorSet) -> Iterator[tuple[int, Validator, CommitSig]]:
    pairs = zip(validators.validators, commit.signatures, strict=False)
    for index, (validator, slot) in enumerate(pairs):
        if slot.flag is not BlockIDFlag.ABSENT:
            yield index, validator, slot
