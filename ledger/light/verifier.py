"""One step of light-client verification: from a trusted header to another, adjacent or not.

Rules
- Checks run from cheap to dear; the first that fails gives the verdict.
- Adjacent headers: the trusted header announced the validators, so +2/3 of them is enough.
- Skipping: besides, more than the trust level of the validators trusted now must have signed.
- A commit that is badly signed is INVALID, even where trust would not have been enough.
- The caller passes the time; one verification reads it once.
"""

from collections.abc import Callable, Iterable

from ledger.light import predicates
from ledger.light.verdict import SUCCESS, LightBlock, Options, TrustedState, Verdict
from ledger.types.block import Commit
from ledger.types.ids import BlockID
from ledger.types.validators import ValidatorSet

Check = Callable[[], Verdict]


def verify(trusted: TrustedState, block: LightBlock, options: Options, now_ns: int) -> Verdict:
    """Whether `block` may be trusted, given what is trusted already. `now_ns` is nanoseconds since 1970."""
    header = block.header
    return _first_failure(
        (
            lambda: predicates.within_trusting_period(trusted.header, options, now_ns),
            lambda: predicates.trusted_state_is_whole(trusted),
            lambda: predicates.same_chain(trusted.header, header),
            lambda: predicates.height_grows(trusted.header, header),
            lambda: predicates.time_grows(trusted.header, header),
            lambda: predicates.not_from_future(header, options, now_ns),
            lambda: predicates.follows_trusted(trusted, block),
            lambda: predicates.priorities_match_trusted(trusted, block),
            lambda: verify_block(block),
            lambda: _enough_trust(trusted, block, options),
        )
    )


def verify_block(block: LightBlock) -> Verdict:
    """Whether header, validators and commit belong together and +2/3 signed. The set is not yet trusted."""
    return _first_failure(
        (
            lambda: predicates.validators_match(block),
            lambda: predicates.next_validators_match(block),
            lambda: predicates.priorities_advance(block),
            lambda: predicates.header_matches_commit(block),
            lambda: verify_commit(block.commit, block.validators, block.header.chain_id),
        )
    )


def verify_commit(
    commit: Commit,
    validators: ValidatorSet,
    chain_id: str,
    height: int | None = None,
    block_id: BlockID | None = None,
) -> Verdict:
    """Whether more than two thirds of `validators` signed this commit, of this height and block if given."""
    if height is not None and commit.height != height:
        return predicates.invalid("commit", f"expected a commit of height {height}, got {commit.height}")
    if block_id is not None and commit.block_id != block_id:
        return predicates.invalid("commit", "the commit is for another block")
    return _first_failure(
        (
            lambda: predicates.slots_match_validators(commit, validators),
            lambda: predicates.enough_signed(commit, validators),
            lambda: predicates.signatures_are_good(commit, validators, chain_id),
        )
    )


def _enough_trust(trusted: TrustedState, block: LightBlock, options: Options) -> Verdict:
    if block.header.height == trusted.header.height + 1:
        return SUCCESS
    return predicates.enough_trusted_signed(block.commit, trusted.next_validators, options.trust_level)


def _first_failure(checks: Iterable[Check]) -> Verdict:
    for check in checks:
        verdict = check()
        if not verdict.ok:
            return verdict
    return SUCCESS
