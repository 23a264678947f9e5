"""The blocks of one run: real headers and bytes, so that the log holds what a node's log holds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from ledger.node import chain
from ledger.types.block import Block, Commit, block_id_of
from ledger.types.ids import BlockID
from ledger.types.validators import Validator, ValidatorSet

CHAIN = "salus-simulated"
GENESIS_NS = 1_767_225_600_000_000_000
MakeSet = Callable[[list[Validator]], ValidatorSet]


@dataclass(frozen=True)
class SimBlock:
    """A block that somebody made, and whether the application accepts it."""

    block_id: BlockID
    height: int
    time_ns: int
    valid: bool
    encoded: bytes
    name: str


@cache
def genesis_chain(validators: int, power: int, make_set: MakeSet) -> chain.ChainState:
    """The chain before the first block, shared by all runs of this size."""
    keys = [sha256(b"key %d" % number).digest() for number in range(validators)]
    members = make_set([Validator.of(key, power) for key in keys])
    return chain.genesis_state(CHAIN, GENESIS_NS, members, bytes(32), bytes(32), 1)


@cache
def first_block(state_of: tuple[int, int, MakeSet], name: str, valid: bool) -> SimBlock:
    """A block of height 1 depends on nothing but its maker: made once for all runs."""
    return build(genesis_chain(*state_of), name, valid, Commit())


def build(state: chain.ChainState, name: str, valid: bool, last_commit: Commit) -> SimBlock:
    """The next block, told apart by `name`."""
    block: Block = chain.make_block(state, (name.encode(),), last_commit, state.validators.proposer.address)
    encoded = block.encode()
    return SimBlock(
        block_id_of(block, encoded), block.header.height, block.header.time_ns, valid, encoded, name
    )


def after(state: chain.ChainState, made: SimBlock) -> chain.ChainState:
    """The chain once `made` is committed, under an application that changes nothing."""
    block = Block.decode(made.encoded)
    return chain.advance(state, block, made.block_id, state.app_hash, state.last_results_hash)
