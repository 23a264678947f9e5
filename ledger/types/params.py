"""Consensus parameters: the limits that every validator must apply alike.

Rules (CometBFT v0.38)
- A header's `consensus_hash` is SHA-256 over the limits of block bytes and gas alone (HashedParams).
- Evidence counts until it is older than both its limits.
"""

from dataclasses import dataclass

from ledger.types import proto
from ledger.types.ids import sha256

MAX_BLOCK_BYTES = 104_857_600
TRUSTING_PERIOD_S = 14 * 24 * 3600
"""How long a verified header is trusted by those who verify others from it, unless they choose otherwise. An
idle chain makes a block whenever a third of it has gone by, so that nobody is left with a lapsed one."""


class ParamsError(ValueError):
    """These parameters would stop or endanger the chain."""


@dataclass(frozen=True, slots=True)
class ConsensusParams:
    """Bytes per block, gas (-1: no limit), and how long evidence counts: blocks, nanoseconds, bytes."""

    max_bytes: int = 22_020_096
    max_gas: int = -1
    evidence_max_age_blocks: int = 100_000
    evidence_max_age_ns: int = 48 * 3600 * 1_000_000_000
    evidence_max_bytes: int = 1_048_576

    def __post_init__(self) -> None:
        if not 0 < self.max_bytes <= MAX_BLOCK_BYTES:
            raise ParamsError(f"block bytes must lie in 1..{MAX_BLOCK_BYTES}, got {self.max_bytes}")
        if self.max_gas < -1:
            raise ParamsError(f"gas must be -1 or more, got {self.max_gas}")
        if self.evidence_max_age_blocks < 1 or self.evidence_max_age_ns < 1:
            raise ParamsError("evidence must count for at least one block and one nanosecond")
        if not 0 <= self.evidence_max_bytes <= self.max_bytes:
            raise ParamsError("evidence bytes must fit a block")

    @property
    def hash(self) -> bytes:
        """The `consensus_hash` of a header."""
        return sha256(proto.integer(1, self.max_bytes) + proto.integer(2, self.max_gas))
