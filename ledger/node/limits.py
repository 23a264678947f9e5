"""How much one peer may ask of us: a bucket of tokens that refills with time.

Rules
- Work that a request causes is bounded per peer, so that one that asks without end slows nobody down.
- What goes beyond is not answered; whoever keeps on asking nevertheless is no honest peer.
"""

from ledger.node.errors import PeerMisbehaved

FORBEARANCE = 20
"""How many times its allowance a peer may overdraw before it is dropped."""


class Allowance:
    """`per_s` requests per second and `burst` at once. `now_s` is any clock that only goes forward."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = float(burst)
        self._at_s = 0.0
        self._refused = 0

    def take(self, now_s: float) -> bool:
        """Whether one more request is within the allowance. Raises PeerMisbehaved when it never ends."""
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left >= 1:
            self._left -= 1
            self._refused = 0
            return True
        self._refused += 1
        if self._refused > FORBEARANCE * self._burst:
            raise PeerMisbehaved(f"at most {self._per_s:g} requests per second", "far more, without a pause")
        return False
