"""What the application answers its engine: frozen values, named after CometBFT's ABCI 2.0 responses."""

import msgspec

from ledger.types.tx import Body
from ledger.types.tx_errors import Code


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Something that a transaction did, for subscribers and indexers: a type and (key, value) attributes."""

    type: str
    attributes: tuple[tuple[str, str], ...]


class CheckResult(msgspec.Struct, frozen=True, gc=False):
    """Whether a mempool may hold the transaction, and if not, which rule and why."""

    code: Code
    reason: str = ""

    @property
    def ok(self) -> bool:
        """True when the transaction passes every rule against the committed state."""
        return self.code is Code.OK

    @property
    def permanent(self) -> bool:
        """True when the same bytes can never pass later."""
        return self.code.permanent


class TxResult(msgspec.Struct, frozen=True, gc=False):
    """What one transaction of a block did. On success `body` is set and `events` says what changed.

    Only `code` enters CometBFT's last_results_hash (data, gas are empty); `reason` and `events` do not.
    """

    code: Code
    reason: str = ""
    events: tuple[Event, ...] = ()
    body: Body | None = None


class BlockResult(msgspec.Struct, frozen=True, gc=False):
    """What FinalizeBlock answers: one result per transaction, in order, and the app hash after the block.

    `validator_updates` are (32-byte key, power) of those whose power changes two blocks later; 0 removes.
    """

    results: tuple[TxResult, ...]
    app_hash: bytes
    validator_updates: tuple[tuple[bytes, int], ...] = ()


class Info(msgspec.Struct, frozen=True, gc=False):
    """The last committed height (0: genesis only), its header time in ms, and the app hash after it."""

    height: int
    app_hash: bytes
    time_ms: int


class QueryResult(msgspec.Struct, frozen=True, gc=False):
    """A key's value in the state after block `height`, with an ICS-23 proof of presence or absence.

    `value` is JCS bytes or None. `proof` is a protobuf `ics23.CommitmentProof` against the app hash after
    `height`, which the header of `height + 1` carries; empty when it was not asked for.
    """

    key: bytes
    value: bytes | None
    height: int
    app_hash: bytes
    proof: bytes = b""
