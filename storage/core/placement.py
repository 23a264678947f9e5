"""Which provider holds which slot, and whom to ask first.

Rules
- n slots go to n different providers; no failure domain (organisation, region, vendor) holds more than
  n - k of them, so that losing a whole domain leaves k.
- Healthy providers come first, then domains used least, then a hash of the upload's seed and the provider's
  name, so that load and parity spread evenly and a test can predict the choice.
- Reading asks healthy providers first, and among those data slots before parity: no decoding is needed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import NotEnoughProviders
from .hashing import tagged_hash


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider that could hold a slot."""

    name: str
    domain: str
    healthy: bool = True


def choose_providers(candidates: Sequence[Candidate], *, k: int, n: int, seed: bytes) -> tuple[str, ...]:
    """The provider's name for each slot 0..n-1; raises NotEnoughProviders when the rules cannot be met."""
    left = sorted(candidates, key=lambda c: tagged_hash("salus/placement/v1", seed, c.name.encode()))
    used: Counter[str] = Counter()
    chosen: list[str] = []
    while len(chosen) < n:
        allowed = [c for c in left if used[c.domain] < n - k]
        if not allowed:
            raise NotEnoughProviders(n, len(chosen))
        best = min(allowed, key=lambda c: (not c.healthy, used[c.domain]))
        left.remove(best)
        used[best.domain] += 1
        chosen.append(best.name)
    return tuple(chosen)


def read_order(slots: Sequence[tuple[int, bool, float]], *, k: int) -> list[int]:
    """Slots in the order to ask, from (slot, healthy, expected seconds) of each.

    A data slot is preferred unless it is unhealthy; within a class the quicker first, then the lower slot.
    """
    return [
        slot
        for slot, *_ in sorted(slots, key=lambda s: (not s[1], s[0] >= k, s[2] if s[0] >= k else 0.0, s[0]))
    ]
