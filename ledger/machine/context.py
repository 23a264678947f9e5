"""What a rule may know besides the state: the block's height and time. No clock, no randomness."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ledger.machine.entries import View, Write
from ledger.machine.results import Event


class Moment(msgspec.Struct, frozen=True, gc=False):
    """Bounds of the time at which a transaction is judged, in ms.

    A header's time is the median of the previous commit's, so after an idle night it lies hours back: it is
    a lower bound. `earliest` is the header time; `latest` equals it inside a block, and is the node's own
    clock in the mempool, which may refuse what is late but must not admit early what a block would refuse.
    """

    earliest: int
    latest: int

    @classmethod
    def of_block(cls, time_ms: int) -> "Moment":
        """The moment that every validator derives from the same header."""
        return cls(time_ms, time_ms)

    def reached(self, issued_at: int, time: int) -> bool:
        """Whether `time` has surely come for a transaction issued at `issued_at`."""
        return time <= max(self.earliest, issued_at)

    def passed(self, issued_at: int, time: int) -> bool:
        """Whether `time`, the first moment that is too late, has come."""
        return time <= max(self.latest, issued_at)


Members = Mapping[bytes, int]
"""Voting power by 32-byte public key."""

LastCommit = Sequence[tuple[bytes, bool]]
"""The validators of the height before, by 32-byte key, and whether the block's last commit has their vote for
that block: CometBFT's `decided_last_commit`."""


class Consortium(msgspec.Struct, frozen=True, gc=False):
    """Who runs the ledger: the validators of the genesis, who votes on proposals and who audits (DIDs).

    `electors` and `auditors` are those of the state before the block: an organisation that is admitted in a
    block votes from the next one on.
    """

    validators: Members
    electors: frozenset[str] = frozenset()
    auditors: frozenset[str] = frozenset()


class Context(msgspec.Struct, frozen=True):
    """The state before the transaction, the moment, the block's height, the chain id and the consortium.

    `nonce_used` tells whether a nonce (`nonces.nonce_name`) was used before this transaction.
    """

    view: View
    moment: Moment
    height: int
    ledger: str
    consortium: Consortium
    nonce_used: Callable[[str], bool]


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What an accepted transaction changes and tells."""

    writes: tuple[Write, ...]
    events: tuple[Event, ...]
