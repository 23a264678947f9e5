"""How much one peer may tell us and ask of us: buckets of tokens that refill with time.

Rules
- Whatever costs work has an allowance per peer, so that one that talks or asks without end slows nobody down.
- What goes beyond is not looked at; whoever goes on and on nevertheless is no honest peer.
- Transactions that no honest node passes on (malformed, badly signed) have a small allowance of their own:
  overdrawing that one ends the connection at once, since the others would let such a flood pass.
- Answers are counted in bytes. Who had more than its share is read from again when the debt is paid.
- Allowances belong to the certificate, not to the connection: who reconnects finds them as they were, and
  waits the longer the more often it misbehaved of late.
"""

from collections.abc import Callable
from typing import Any

from ledger.node import messages
from ledger.node.errors import PeerMisbehaved
from ledger.types.tx_errors import Code

FORBEARANCE = 20
"""How many times its allowance a peer may overdraw, without ever resting until it is whole again, before it
is dropped."""
MIB = 1024 * 1024
RATES: dict[str, tuple[float, float]] = {
    "transactions": (20_000, 40_000),
    "transaction bytes": (32 * MIB, 64 * MIB),
    "votes": (2_000, 20_000),
    "proposals": (100, 200),
    "proposal bytes": (32 * MIB, 64 * MIB),
    "evidence": (10, 200),
    "statuses": (100, 400),
    "requests": (100, 200),
    "answers": (2_000, 4_000),
}
"""Per second and at once. An honest peer must get 10,000 transactions of 1 KB a second through, and a whole
pool on connecting: twice and more of that. The others are estimates of what no honest peer comes near."""
INVALID_PER_S, INVALID_AT_ONCE = 2.0, 50.0
ANSWERED_PER_S, ANSWERED_AT_ONCE = 64.0 * MIB, 64.0 * MIB
FIRST_PAUSE_S, LONGEST_PAUSE_S, FORGIVEN_S = 0.1, 30.0, 60.0

NEVER_PASSED_ON = frozenset(
    {
        Code.TX_TOO_LARGE,
        Code.TX_MALFORMED,
        Code.TX_NOT_CANONICAL,
        Code.WRONG_LEDGER,
        Code.WINDOW_INVALID,
        Code.WRONG_AUTHOR,
        Code.SIGNATURE_INVALID,
        Code.KEYSET_INVALID,
        Code.KEY_WEAK,
        Code.DID_MISMATCH,
        Code.HANDLES_MALFORMED,
    }
)
"""What is wrong with the bytes alone: an honest node's pool never held it. Everything else depends on the
state, and the sender's may be another than ours."""


class Allowance:
    """`per_s` tokens per second and `burst` at once. `now_s` is any clock that only goes forward."""

    def __init__(self, per_s: float, burst: float, what: str = "requests", forbearance: int = FORBEARANCE):
        self._per_s = per_s
        self._burst = burst
        self._what = what
        self._patience = forbearance * burst
        self._left = float(burst)
        self._at_s = 0.0
        self._refused = 0.0

    def take(self, now_s: float, tokens: float = 1) -> bool:
        """Whether `tokens` more are within the allowance. Raises PeerMisbehaved when it never ends."""
        self._refill(now_s)
        if self._left >= tokens:
            self._left -= tokens
            return True
        self._refused += tokens
        if self._refused > self._patience:
            raise PeerMisbehaved(f"at most {self._per_s:g} {self._what} per second", "far more, on and on")
        return False

    def owe(self, now_s: float, tokens: float) -> float:
        """Take `tokens`, on credit if need be; returns the seconds until the debt is paid."""
        self._refill(now_s)
        self._left -= tokens
        return max(0.0, -self._left / self._per_s)

    def _refill(self, now_s: float) -> None:
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left == self._burst:
            self._refused = 0.0


Costs = tuple[tuple[str, float], ...]
_COSTS: dict[type, Callable[[Any, int], Costs]] = {
    messages.Transactions: lambda said, size: (("transactions", len(said.txs)), ("transaction bytes", size)),
    messages.Votes: lambda said, size: (("votes", len(said.votes)),),
    messages.ProposedBlock: lambda said, size: (("proposals", 1), ("proposal bytes", size)),
    messages.EvidenceHeld: lambda said, size: (("evidence", len(said.pieces)),),
    messages.Status: lambda said, size: (
        (("statuses", 1), ("requests", 1)) if said.asks else (("statuses", 1),)
    ),
    messages.CommittedWanted: lambda said, size: (("requests", 1),),
    messages.BlockWanted: lambda said, size: (("requests", 1),),
    messages.ChunkWanted: lambda said, size: (("requests", 1),),
    # these decode blocks, or make a long list
    messages.LightBlockWanted: lambda said, size: (("requests", 5),),
    messages.SnapshotsWanted: lambda said, size: (("requests", 5),),
    **dict.fromkeys(
        (
            messages.BlockHeld,
            messages.Committed,
            messages.CommittedGone,
            messages.SnapshotOffered,
            messages.Chunk,
            messages.LightBlockHeld,
        ),
        lambda said, size: (("answers", 1),),
    ),
}


class Conduct:
    """What one peer may still do, and how it behaved."""

    def __init__(self) -> None:
        self._allowances = {what: Allowance(*rate, what) for what, rate in RATES.items()}
        self._invalid = Allowance(INVALID_PER_S, INVALID_AT_ONCE, "invalid transactions", forbearance=0)
        self._answered = Allowance(ANSWERED_PER_S, ANSWERED_AT_ONCE, "bytes")
        self._pause_s = 0.0
        self._barred_until_s = 0.0

    def admits(self, message: messages.Message, size: int, now_s: float) -> bool:
        """Whether to look at this message of `size` bytes. Raises PeerMisbehaved when it never ends."""
        costs = _COSTS[type(message)](message, size)
        return all(self._allowances[what].take(now_s, tokens) for what, tokens in costs)

    def sent_invalid(self, code: int, now_s: float) -> None:
        """Note why a transaction of this peer was refused. Raises PeerMisbehaved when there are too many."""
        if code in NEVER_PASSED_ON:
            self._invalid.take(now_s)

    def answered(self, size: int, now_s: float) -> float:
        """Note that it was sent `size` bytes that it asked for; returns the seconds it must wait for more."""
        return self._answered.owe(now_s, size)

    def misbehaved(self, now_s: float) -> None:
        """Bar it from connecting: briefly at first, ever longer when it does not mend its ways."""
        if now_s - self._barred_until_s > FORGIVEN_S:
            self._pause_s = 0.0
        self._pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * self._pause_s))
        self._barred_until_s = now_s + self._pause_s

    def is_barred(self, now_s: float) -> bool:
        """Whether it may not connect yet."""
        return now_s < self._barred_until_s
