"""What the ledger's client answers with. Times are milliseconds since 1970 UTC; hashes upper-case hex."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True, slots=True)
class Cursor:
    """A place in the ledger: transaction `index` (from 0) of the block at `height` (from 1).

    `Cursor(0, 0)`, the default, lies before everything.
    """

    height: int = 0
    index: int = 0


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """One committed transaction, in ledger order, its block verified by a +2/3 commit.

    `body` is the transaction's body as parsed JSON (docs/formats.md section 3), `wire` the bytes it came in
    (`ledger.api.decode_tx(wire)` gives the struct), `time_ms` its block header's time.
    """

    cursor: Cursor
    tx_hash: str
    time_ms: int
    body: dict[str, Any]
    wire: bytes


@dataclass(frozen=True, slots=True)
class CommittedTx:
    """A transaction that a verified +2/3 commit and an inclusion proof place in a block."""

    tx_hash: str
    cursor: Cursor
    time_ms: int

    @property
    def height(self) -> int:
        return self.cursor.height


@dataclass(frozen=True, slots=True)
class VerifiedValue:
    """What the state held under a key as of the block at `height`, proven against a verified header.

    `value` is the parsed JSON of the state's value (docs/formats.md section 3), or None when a proof of
    absence was verified. `time_ms` is the time of the header that carries the proof's root.
    """

    value: dict[str, Any] | None
    height: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class ValidatorInfo:
    """One validator of the genesis and whether it answers now. `address` is upper-case hex.

    `height` is its latest block (0 when it does not answer); `url` is empty when the client has no address
    for it.
    """

    address: str
    moniker: str
    voting_power: int
    answers: bool
    height: int
    url: str


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """The ledger at a glance: the highest height any validator reports, and how many answer."""

    chain_id: str
    height: int
    time_ms: int
    app_hash: str
    validators: int
    answering: int
    quorum: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """Evidence in a block that a validator (`address`) signed two votes for one place.

    `height` and `round` are that place, `vote` is "prevote" or "precommit", `time_ms` its header time;
    `blocks` are the hashes that it voted for, empty for nil.
    """

    address: str
    height: int
    round: int
    vote: str
    power: int
    time_ms: int
    blocks: tuple[str, str]


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """One line of the block list. `app_hash` is the state's root before this block's own transactions.

    `signed_by` are the addresses of those who signed its commit, out of `slots` validators, in `round`.
    """

    height: int
    hash: str
    time_ms: int
    txs: int
    proposer: str
    app_hash: str
    round: int = 0
    slots: int = 0
    signed_by: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockTx:
    """One transaction of a block: its hash and its body as parsed JSON."""

    tx_hash: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BlockDetail:
    """One verified block: its summary and its transactions."""

    summary: BlockSummary
    transactions: tuple[BlockTx, ...]


@dataclass(frozen=True, slots=True)
class TxDetail:
    """A transaction, the block that holds it, and how far its proof of inclusion reached.

    `steps` hashes lead from it, as number `index` (from 0) of `total`, to the block's data hash.
    """

    committed: CommittedTx
    body: dict[str, Any]
    size: int
    total: int
    steps: int
    signed_by: tuple[str, ...]
    slots: int


@dataclass(frozen=True, slots=True)
class EventCounts:
    """How many events of each type the ledger holds, as the validators' own counts say: no proof covers it.

    `agreeing` of the `asked` validators that answered give these very counts up to block `height`; the counts
    begin at block `first`, which is later than 1 where old blocks were pruned.
    """

    counts: dict[str, int]
    first: int
    height: int
    agreeing: int
    asked: int
