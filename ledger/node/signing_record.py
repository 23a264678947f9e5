"""Who signed the blocks that were committed while we ran, and what the last one was like. For metrics only.

The signatures are those in the next block's last commit: the ones that the validators agreed on.
"""

from collections import Counter

from ledger.node import metrics
from ledger.node.block_store import StoredBlock
from ledger.node.event_tags import evidence_of
from ledger.types.block import BlockIDFlag, Commit
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.proto import BYTES, Fields
from ledger.types.validators import ValidatorSet


def last_commit_of(stored: StoredBlock) -> Commit:
    """The commit of the block before, without reading the transactions of this one."""
    return Commit.decode(Fields(stored.block, dict.fromkeys(range(1, 5), BYTES)).blob(4))


class SigningRecord:
    """Kept by the node; `committed` is told of each block."""

    def __init__(self, chain_id: str) -> None:
        self._interval = metrics.BLOCK_INTERVAL.labels(chain_id)
        self._time_ns = 0
        self._deciders: ValidatorSet | None = None
        self.last_signed: dict[bytes, int] = {}
        """The last block that each validator, by address, is known to have signed."""
        self.missed: Counter[bytes] = Counter()
        self.last_evidence: tuple[DuplicateVoteEvidence, ...] = ()
        self.txs = 0
        self.size = 0

    def committed(self, stored: StoredBlock, time_ns: int, deciders: ValidatorSet | None) -> None:
        """`time_ns` is the block's header time; `deciders` are those who decided it."""
        if self._time_ns:
            self._interval.observe((time_ns - self._time_ns) / 1e9)
        self._time_ns, self.txs, self.size = time_ns, len(stored.txs), len(stored.block)
        self.last_evidence = evidence_of(stored)
        self._count_signatures(last_commit_of(stored))
        self._deciders = deciders
        metrics.COMMITTED.inc()
        metrics.COMMITTED_TXS.inc(self.txs)
        metrics.EVIDENCE.inc(len(self.last_evidence))

    def _count_signatures(self, commit: Commit) -> None:
        """Those of the block before, by the validators that decided it."""
        metrics.ROUNDS_LOST.inc(commit.round)
        signed = {slot.validator_address for slot in commit.signatures if slot.flag is BlockIDFlag.COMMIT}
        for address in signed:
            self.last_signed[address] = commit.height
        for validator in self._deciders.validators if self._deciders else ():
            self.missed[validator.address] += validator.address not in signed
