"""Chains of light blocks signed by named validators, for playing honest nodes and liars."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ledger.light.errors import NoSuchBlock, ProviderUnavailable
from ledger.light.verdict import LightBlock
from ledger.types.block import ABSENT, BlockIDFlag, Commit, CommitSig, Header, Version, data_hash
from ledger.types.ids import NIL, BlockID, PartSetHeader, sha256
from ledger.types.signing import public_key_of, sign
from ledger.types.validators import Validator, ValidatorSet
from ledger.types.vote import VoteType, vote_sign_bytes

CHAIN = "salus-test"
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


@lru_cache
def seed_of(name: str) -> bytes:
    return sha256(f"validator {name}".encode())


@lru_cache
def validators_of(names: str) -> ValidatorSet:
    """A validator of power 10 for each letter."""
    return ValidatorSet.of(Validator.of(public_key_of(seed_of(name)), 10) for name in names)


def name_of(validator: Validator) -> str:
    return next(name for name in "ABCDEFGHIJKLMNOP" if public_key_of(seed_of(name)) == validator.public_key)


@dataclass(frozen=True)
class Plan:
    """How a chain grows, by height. `signers` None: all members sign; those of `nil` sign for nil."""

    members: Callable[[int], str]
    app: Callable[[int], str | bytes] = lambda height: "state"
    round: Callable[[int], int] = lambda height: 0
    signers: Callable[[int], str | None] = lambda height: None
    nil: Callable[[int], str] = lambda height: ""
    txs: Callable[[int], tuple[bytes, ...]] = lambda height: ()
    step_ns: int = SECOND
    salt: str = ""
    chain_id: str = CHAIN


def grow(plan: Plan, last: int, onto: Mapping[int, LightBlock] | None = None) -> dict[int, LightBlock]:
    """Blocks up to height `last`, after those of `onto`."""
    blocks = dict(onto or {})
    for height in range(max(blocks, default=0) + 1, last + 1):
        blocks[height] = _block(plan, height, blocks.get(height - 1))
    return blocks


def _block(plan: Plan, height: int, before: LightBlock | None) -> LightBlock:
    members, after = validators_of(plan.members(height)), validators_of(plan.members(height + 1))
    filler = sha256(f"filler {plan.salt}".encode())
    header = Header(
        Version(),
        plan.chain_id,
        height,
        START if before is None else before.header.time_ns + plan.step_ns,
        BlockID() if before is None else before.commit.block_id,
        *(filler, data_hash(plan.txs(height)), members.hash, after.hash, sha256(b"params")),
        *(_app_hash(plan.app(height)), sha256(b"results"), sha256(b""), members.proposer.address),
    )
    block_id = BlockID(header.hash, PartSetHeader(1, sha256(header.hash)))
    signers = plan.signers(height)
    names = plan.members(height) if signers is None else signers
    slots = [_slot(plan, block_id, header, member, names) for member in members.validators]
    return LightBlock(header, Commit(height, plan.round(height), block_id, tuple(slots)), members, after)


def _app_hash(app: str | bytes) -> bytes:
    return sha256(app.encode()) if isinstance(app, str) else app


def _slot(plan: Plan, block_id: BlockID, header: Header, member: Validator, names: str) -> CommitSig:
    name, time_ns = name_of(member), header.time_ns + SECOND
    if name not in names:
        return ABSENT
    is_nil = name in plan.nil(header.height)
    voted, flag = (NIL, BlockIDFlag.NIL) if is_nil else (block_id, BlockIDFlag.COMMIT)
    round_ = plan.round(header.height)
    message = vote_sign_bytes(plan.chain_id, VoteType.PRECOMMIT, header.height, round_, voted, time_ns)
    return CommitSig(flag, member.address, time_ns, sign(seed_of(name), message))


@dataclass
class ChainProvider:
    """A node that serves `blocks`, and notes what was asked. With `down` it does not answer."""

    name: str
    blocks: dict[int, LightBlock]
    down: bool = False
    asked: list[int | None] = field(default_factory=list)

    def light_block(self, height: int | None) -> LightBlock:
        if self.down:
            raise ProviderUnavailable(self.name)
        self.asked.append(height)
        found = self.blocks.get(max(self.blocks) if height is None else height)
        if found is None:
            raise NoSuchBlock(f"{self.name}: {height}")
        return found


def tampered(block: LightBlock, **header: object) -> LightBlock:
    """The block with another header under the same commit."""
    return replace(block, header=replace(block.header, **header))  # type: ignore[arg-type]
