"""A ledger on this machine's disk without any node: blocks are made and signed by all validators at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ledger.node.block_store import BlockStore
from ledger.node.executor import Executor
from ledger.node.snapshot_shelf import SnapshotShelf
from ledger.node.snapshot_writer import SNAPSHOT_TXS
from ledger.types.block import Block, Commit, CommitSig, block_id_of
from ledger.types.genesis import Genesis, GenesisValidator
from ledger.types.ids import BlockID
from ledger.types.params import ConsensusParams
from ledger.types.signing import public_key_of, sign
from ledger.types.vote import Vote, VoteType
from tests.ledger.machine.cast import APP_STATE, LEDGER, NOON, Member, register, seed_of

SEEDS = {public_key_of(seed_of(f"validator {n}")): seed_of(f"validator {n}") for n in range(4)}
NEWCOMER = public_key_of(seed_of("validator of Lakeside"))
_ALL_SEEDS = {**SEEDS, NEWCOMER: seed_of("validator of Lakeside")}
SECOND = 1_000_000_000
SHORT_MEMORY = ConsensusParams(evidence_max_age_blocks=5, evidence_max_age_ns=5 * SECOND)


def genesis_of(params: ConsensusParams = SHORT_MEMORY) -> Genesis:
    validators = tuple(GenesisValidator(key, 10) for key in SEEDS)
    return Genesis(LEDGER, NOON * 1_000_000, validators, APP_STATE, params)


@cache
def people(height: int) -> tuple[bytes, ...]:
    """Three registrations per block, the same for every ledger."""
    at = NOON + height * 1000
    return tuple(register(Member(f"person {height} {number}"), issued_at=at) for number in range(3))


@dataclass
class Maker:
    """One copy of the ledger in `folder`; `extend` decides blocks."""

    folder: Path
    snapshot_every: int = 1000
    retain_blocks: int = 0
    snapshot_txs: int = SNAPSHOT_TXS
    waits: bool = True
    """For each snapshot to be written before the next block."""

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.boot()

    def boot(self) -> None:
        """Open, or open again, what is on disk."""
        self.executor = Executor(
            genesis_of(),
            BlockStore(self.folder / "blocks.log"),
            SnapshotShelf(self.folder / "snapshots"),
            self.snapshot_every,
            self.snapshot_txs,
            self.retain_blocks,
        )

    @property
    def last_commit(self) -> Commit:
        tip = self.executor.store.tip
        return self.executor.adopted_commit if tip is None else Commit.decode(tip.commit)

    def extend(self, blocks: int, txs: Callable[[int], Sequence[bytes]] = lambda height: ()) -> None:
        """Decide some blocks more, a second apart."""
        for _ in range(blocks):
            state = self.executor.state
            proposer = state.validators.proposer.address
            block = self.executor.make_block(txs(state.height + 1), self.last_commit, proposer)
            assert self.executor.judge(block) is None
            self.decide(block)

    def decide(self, block: Block) -> None:
        """Commit this block, whatever it holds."""
        encoded = block.encode()
        block_id = block_id_of(block, encoded)
        self.executor.commit(block, encoded, self._signed(block.header.height, block_id))
        if self.waits:
            self.executor.snapshots.finish()

    def reboot(self) -> None:
        """As after a kill: what is in memory is lost."""
        self.executor.store.close()
        self.boot()

    def _signed(self, height: int, block_id: BlockID) -> Commit:
        slots = []
        for index, voter in enumerate(self.executor.state.validators.validators):
            time_ns = NOON * 1_000_000 + height * SECOND
            vote = Vote(VoteType.PRECOMMIT, height, 0, block_id, time_ns, voter.address, index)
            signature = sign(_ALL_SEEDS[voter.public_key], vote.sign_bytes(LEDGER))
            slots.append(CommitSig.of(replace(vote, signature=signature)))
        return Commit(height, 0, block_id, tuple(slots))
