"""What one block lets the next one be: making blocks, judging them, and the state between them. Pure.

Rules (CometBFT v0.38, state/validation.go and state/execution.go)
- Every header field follows from the state but time, transactions and proposer; a block that differs in one
  of them is invalid.
- Time is the weighted median of the last commit; the first block has the genesis' time.
- The last commit carries more than two thirds of the power that stood at the last height, every signature in
  it is checked, and each slot is its validator's.
- `app_hash` and `last_results_hash` of a header tell of the state after the block before.
- Validator updates of block H take part in the set of H + 2.
- A block without transactions is due when its header has something new to say: at height 1 and whenever the
  last block changed the app hash. It is due, too, when the last header is older than a third of the trusting
  period; as a header's time is that of the votes before it, two follow then, and the second one is fresh.
  That is a policy of ours, not a rule of validity.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ledger.light import verifier as light
from ledger.node.errors import BlockInvalid
from ledger.types import merkle
from ledger.types.block import Block, BlockIDFlag, Commit, data_hash, median_time_ns
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.header import BLOCK_PROTOCOL, Header, Version
from ledger.types.ids import NIL, BlockID
from ledger.types.validators import Validator, ValidatorSet

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ChainState:
    """The chain after the block at `height` (0: after the genesis). Times are nanoseconds since 1970 UTC.

    `validators` decide the next block, `next_validators` the one after; `last_validators` decided this one.
    `app_hash_in_header` is what the header at `height` carried.
    """

    chain_id: str
    height: int
    last_block_id: BlockID
    last_time_ns: int
    validators: ValidatorSet
    next_validators: ValidatorSet
    last_validators: ValidatorSet | None
    app_hash: bytes
    app_hash_in_header: bytes | None
    last_results_hash: bytes
    consensus_hash: bytes
    app_version: int

    @property
    def proof_due(self) -> bool:
        """Whether the next header has something to say even without transactions."""
        return self.app_hash_in_header != self.app_hash

    def is_stale(self, now_ns: int, trusting_period_s: float) -> bool:
        """Whether those who trust the last header soon need a newer one, though nothing happened."""
        return 3 * (now_ns - self.last_time_ns) >= trusting_period_s * NS


def genesis_state(
    chain_id: str,
    genesis_time_ns: int,
    validators: ValidatorSet,
    consensus_hash: bytes,
    app_hash: bytes,
    app_version: int,
) -> ChainState:
    """The state before the first block."""
    return ChainState(
        chain_id=chain_id,
        height=0,
        last_block_id=NIL,
        last_time_ns=genesis_time_ns,
        validators=validators,
        next_validators=validators.advanced(1),
        last_validators=None,
        app_hash=app_hash,
        app_hash_in_header=None,
        last_results_hash=merkle.EMPTY_ROOT,
        consensus_hash=consensus_hash,
        app_version=app_version,
    )


def next_time_ns(state: ChainState, last_commit: Commit) -> int:
    """The time that the next block must have."""
    if state.last_validators is None:
        return state.last_time_ns
    return median_time_ns(last_commit, state.last_validators)


def last_votes(state: ChainState, last_commit: Commit) -> tuple[tuple[bytes, bool], ...]:
    """Each validator of the last height by its key, and whether `last_commit` has its vote for that block."""
    if state.last_validators is None:
        return ()
    members = zip(state.last_validators.validators, last_commit.signatures, strict=True)
    return tuple((validator.public_key, slot.flag is BlockIDFlag.COMMIT) for validator, slot in members)


def make_block(
    state: ChainState,
    txs: tuple[bytes, ...],
    last_commit: Commit,
    proposer: bytes,
    evidence: tuple[DuplicateVoteEvidence, ...] = (),
) -> Block:
    """The next block with these transactions, proposed by the validator with address `proposer`."""
    header = _header(state, data_hash(txs), last_commit, proposer, evidence)
    return Block(header, txs, last_commit, evidence)


def _header(
    state: ChainState,
    data: bytes,
    last_commit: Commit,
    proposer: bytes,
    evidence: tuple[DuplicateVoteEvidence, ...],
) -> Header:
    return Header(
        version=Version(BLOCK_PROTOCOL, state.app_version),
        chain_id=state.chain_id,
        height=state.height + 1,
        time_ns=next_time_ns(state, last_commit),
        last_block_id=state.last_block_id,
        last_commit_hash=last_commit.hash,
        data_hash=data,
        validators_hash=state.validators.hash,
        next_validators_hash=state.next_validators.hash,
        consensus_hash=state.consensus_hash,
        app_hash=state.app_hash,
        last_results_hash=state.last_results_hash,
        evidence_hash=merkle.root([piece.encode() for piece in evidence]),
        proposer_address=proposer,
    )


def validate_block(state: ChainState, block: Block) -> None:
    """Raises BlockInvalid unless `block` may follow `state` (the application judges its transactions,
    `ledger.node.evidence` its evidence)."""
    if state.validators.index_of(block.header.proposer_address) is None:
        raise BlockInvalid("proposer_address", "a validator's", block.header.proposer_address.hex())
    _check_last_commit(state, block.last_commit)
    try:
        expected = _header(
            state, block.data_hash, block.last_commit, block.header.proposer_address, block.evidence
        )
    except ValueError as error:
        raise BlockInvalid("last commit", "one vote time per signer", error) from error
    if expected != block.header:
        raise _difference(expected, block.header)


def _difference(expected: Header, actual: Header) -> BlockInvalid:
    for field in Header.__slots__:
        if getattr(expected, field) != getattr(actual, field):
            return BlockInvalid(field, getattr(expected, field), getattr(actual, field))
    raise AssertionError("headers differ in no field")


def _check_last_commit(state: ChainState, commit: Commit) -> None:
    if state.last_validators is None:
        if commit != Commit():
            raise BlockInvalid("last commit", "none for the first block", f"height {commit.height}")
        return
    verify_commit(state.chain_id, state.last_validators, state.last_block_id, state.height, commit)


def verify_commit(
    chain_id: str, validators: ValidatorSet, block_id: BlockID, height: int, commit: Commit
) -> None:
    """Raises BlockInvalid unless `commit` is for this block, all its signatures are right, and those for the
    block carry more than two thirds of the power."""
    verdict = light.verify_commit(commit, validators, chain_id, height, block_id)
    if not verdict.ok:
        raise BlockInvalid("commit", f"+2/3 for block {height}", verdict.reason)


def following(validators: ValidatorSet, updates: Iterable[tuple[bytes, int]]) -> ValidatorSet:
    """The set of the height after that of `validators`, with these (key, power) updates taking effect."""
    changes = [Validator.of(public_key, power) for public_key, power in updates]
    return (validators.updated(changes) if changes else validators).advanced(1)


def advance(
    state: ChainState,
    block: Block,
    block_id: BlockID,
    app_hash: bytes,
    results_hash: bytes,
    updates: Iterable[tuple[bytes, int]] = (),
) -> ChainState:
    """The state after `block` was executed with this app hash, results hash and validator updates."""
    return replace(
        state,
        height=block.header.height,
        last_block_id=block_id,
        last_time_ns=block.header.time_ns,
        validators=state.next_validators,
        next_validators=following(state.next_validators, updates),
        last_validators=state.validators,
        app_hash=app_hash,
        app_hash_in_header=block.header.app_hash,
        last_results_hash=results_hash,
    )
