"""The consortium's contracts as one deterministic application, with CometBFT's method names (ABCI 2.0).

Rules
- The same blocks give the same app hash: everything follows from genesis, transactions, heights and header
  times. Only `check_tx` may see a clock, and it decides nothing but what this node's mempool holds.
- PrepareProposal filters; ProcessProposal refuses a block that holds any failing transaction. So a
  transaction's inclusion in a block proves that it was valid there.
- FinalizeBlock never raises for a transaction: should a failing one be decided, it has a code and no effect.
- `last_commit` says which validators of the height before signed that block. It counts where there are
  transactions only: a block without any changes nothing but by evidence.
- `misbehaviour` lists the keys (32 bytes) of validators that a block's evidence proves to have voted twice.
- Nothing is visible before Commit. The app hash after block H is in the header of H + 1.
- Old versions share nodes with the new one; the last few stay for queries against the header that exists.
- The committed pairs lie in a plain mapping, too: a rule reads in one step, only proofs walk the tree.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ledger.machine.context import Consortium, LastCommit, Members, Moment
from ledger.machine.electors import consortium_after
from ledger.machine.entries import VALIDATORS_KEY, CandidateEntry, EpochEntry, ValidatorEntry, View
from ledger.machine.execution import Execution, TxMemory
from ledger.machine.genesis import genesis_state
from ledger.machine.nonces import NonceBook, used_by
from ledger.machine.proofs import prove
from ledger.machine.results import BlockResult, CheckResult, Info, QueryResult, TxResult
from ledger.machine.rules.misbehaviour import is_punished
from ledger.machine.rules.replay import check_clock
from ledger.machine.snapshot import decode_snapshot, encode_snapshot
from ledger.machine.state import StateTree
from ledger.machine.validators import latest_members, members_at, updates
from ledger.types.tx_errors import Code, Rejected

NO_VALIDATORS: Members = {}
KEPT_VERSIONS = 16
_PASSED = CheckResult(Code.OK)


class OutOfOrder(RuntimeError):
    """The engine called a method when it must not; this node is at fault and must stop."""


class UnknownVersion(LookupError):
    """The state after that height is not kept; ask for a later height."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A block's transactions run on the committed state: reused when the block comes again."""

    txs: tuple[bytes, ...]
    time_ms: int
    misbehaviour: tuple[bytes, ...]
    last_commit: tuple[tuple[bytes, bool], ...]
    results: tuple[TxResult, ...]
    changes: dict[bytes, bytes | None]
    nonces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A finalized block that waits for Commit."""

    height: int
    time_ms: int
    tree: StateTree
    run: _Run


class Application:
    """One validator's copy of the state machine. Synchronous; the engine calls one method at a time."""

    def __init__(self, kept_versions: int = KEPT_VERSIONS) -> None:
        self._ledger = ""
        self._height = 0
        self._time_ms = 0
        self._tree = StateTree()
        self._values: dict[bytes, bytes] = {}
        self._nonces = NonceBook()
        self._consortium = Consortium(NO_VALIDATORS)
        self._kept_versions = kept_versions
        self._versions: OrderedDict[int, StateTree] = OrderedDict()
        self._memory = TxMemory()
        self._last_run: _Run | None = None
        self._pending: _Pending | None = None

    def info(self) -> Info:
        """The last committed height, header time and app hash."""
        return Info(self._height, self._tree.root, self._time_ms)

    def init_chain(
        self,
        chain_id: str,
        app_state: Mapping[str, Any],
        time_ms: int = 0,
        validators: Members = NO_VALIDATORS,
    ) -> bytes:
        """Start at genesis with these validators (power by key); the app hash for the first header.

        Raises GenesisError, OutOfOrder.
        """
        if self._ledger:
            raise OutOfOrder(f"init_chain on a ledger at height {self._height}")
        values = genesis_state(app_state)
        self._adopt(chain_id, 0, time_ms, StateTree().update(values), values, NonceBook(), validators)
        return self._tree.root

    def check_tx(self, wire: bytes, now_ms: int) -> CheckResult:
        """Whether the mempool may hold these bytes, by the committed state and this node's clock `now_ms`.

        Also the recheck after a block: a transaction that the block made invalid is refused then.
        """
        return self.check_txs((wire,), now_ms)[0]

    def check_txs(self, wires: Sequence[bytes], now_ms: int) -> list[CheckResult]:
        """`check_tx` of each by itself; together their signatures cost less."""
        moment = Moment(self._time_ms, max(self._time_ms, now_ms))
        return [_checked(result, now_ms) for result in self._execution(self._height + 1, moment).check(wires)]

    def prepare_proposal(
        self,
        txs: Sequence[bytes],
        max_bytes: int,
        time_ms: int,
        misbehaviour: Sequence[bytes] = (),
        last_commit: LastCommit = (),
    ) -> list[bytes]:
        """Those of `txs`, in order and within `max_bytes`, that pass one after another at this time."""
        execution = self._block_execution(time_ms, misbehaviour, last_commit if txs else None)
        chosen: list[bytes] = []
        results: list[TxResult] = []
        for wire in txs:
            if len(wire) > max_bytes:
                continue
            result = execution.run(wire)
            if result.code is Code.OK:
                chosen.append(wire)
                results.append(result)
                max_bytes -= len(wire)
        done = (tuple(misbehaviour), tuple(last_commit), tuple(results))
        run = _run_of(execution, tuple(chosen), time_ms, *done)
        self._last_run = run if chosen else None  # with none left, the block moves no epoch on
        return chosen

    def process_proposal(
        self,
        txs: Sequence[bytes],
        time_ms: int,
        misbehaviour: Sequence[bytes] = (),
        last_commit: LastCommit = (),
    ) -> bool:
        """Whether every transaction of a proposed block passes, in its order."""
        run = self._run(txs, time_ms, misbehaviour, last_commit)
        return all(result.code is Code.OK for result in run.results)

    def finalize_block(
        self,
        txs: Sequence[bytes],
        height: int,
        time_ms: int,
        misbehaviour: Sequence[bytes] = (),
        last_commit: LastCommit = (),
    ) -> BlockResult:
        """Run a decided block; its app hash goes into the next header. Raises OutOfOrder."""
        if height != self._height + 1:
            raise OutOfOrder(f"finalize_block at height {height}; the next one is {self._height + 1}")
        run = self._run(txs, time_ms, misbehaviour, last_commit)
        tree = self._tree.update(run.changes)
        self._pending = _Pending(height, time_ms, tree, run)
        changed = (
            updates(self._latest(self._tree), self._latest(tree)) if VALIDATORS_KEY in run.changes else ()
        )
        return BlockResult(run.results, tree.root, changed)

    def commit(self) -> Info:
        """Make the finalized block the state. Raises OutOfOrder when there is none."""
        pending = self._pending
        if pending is None:
            raise OutOfOrder("commit without a finalized block")
        changes = pending.run.changes
        self._nonces.forget(pending.time_ms)
        if (used := used_by(changes, pending.height)) is not None:
            self._nonces.remember(pending.height, pending.run.nonces, used.until)
        self._memory.forget(pending.run.txs)
        for key, value in changes.items():
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
        self._consortium = consortium_after(self._consortium, changes.items())
        self._set(pending.height, pending.time_ms, pending.tree)
        return self.info()

    def validators_at(self, height: int) -> Members:
        """Power by key of the validators that decide `height`, at most two beyond the committed one."""
        return members_at(View(self._values.get), self._consortium.validators, height)

    def validator_changes(self) -> tuple[int, ...]:
        """The heights from which another validator set than before decides, ascending."""
        return View(self._values.get).validator_changes()

    def validator(self, public: bytes) -> ValidatorEntry | None:
        """What the ledger changed about the validator with this key; None while it is the genesis' own."""
        return View(self._values.get).validator(public)

    def is_punished(self, public: bytes) -> bool:
        """Whether the validator with this key was found at fault before: evidence against it says no more."""
        return is_punished(View(self._values.get), public)

    def candidates(self) -> tuple[str, ...]:
        """The keys that stand for election, b64u."""
        return View(self._values.get).candidates()

    def candidate(self, public: bytes) -> CandidateEntry | None:
        """Whose validator the one with this key is, as far as the ledger knows."""
        return View(self._values.get).candidate(public)

    def epoch(self) -> EpochEntry | None:
        """The present epoch; None while nobody is elected."""
        view = View(self._values.get)
        return view.epoch() if view.election() else None

    def query(self, key: bytes, prove_it: bool = False, height: int = 0) -> QueryResult:
        """ABCI's Query: `query_at` with 0 for the latest height. Raises UnknownVersion."""
        return self.query_at(height or self._height, key, prove_it)

    def query_at(self, height: int, key: bytes, prove_it: bool = False) -> QueryResult:
        """The value at `key` after block `height` (0: genesis), proven if asked. Raises UnknownVersion."""
        tree = self._versions.get(height)
        if tree is None:
            raise UnknownVersion(f"the state after height {height} is not kept; the latest is {self._height}")
        return QueryResult(key, tree.get(key), height, tree.root, prove(tree, key) if prove_it else b"")

    def snapshot(self) -> Iterator[bytes]:
        """The committed state as bytes, in pieces; equal states give equal bytes.

        The pieces tell of the state as it is now, whenever they are made, and may be made in another thread.
        """
        return encode_snapshot(self._tree, self._nonces.lists(), self._ledger, self._height, self._time_ms)

    @classmethod
    def restore(
        cls,
        snapshot: Iterable[bytes],
        app_hash: bytes,
        validators: Members = NO_VALIDATORS,
        kept_versions: int = KEPT_VERSIONS,
        ours: bool = False,
    ) -> Self:
        """An application at the state of the snapshot's pieces; `validators` are the genesis'. Raises
        SnapshotError unless its root is `app_hash`. `ours`: this node wrote these very bytes.
        """
        found, tree, values, nonces = decode_snapshot(snapshot, app_hash, ours)
        application = cls(kept_versions)
        application._adopt(found.ledger, found.height, found.time_ms, tree, values, nonces, validators)
        return application

    def believe_signatures(self, believed: bool) -> None:
        """Whether transactions are run without verifying their signatures: those of blocks that this node
        verified before it stored them."""
        self._memory.believed = believed

    def _run(
        self, txs: Sequence[bytes], time_ms: int, misbehaviour: Sequence[bytes], last_commit: LastCommit
    ) -> _Run:
        """Results and changes; computed once though a block is proposed, checked and finalized."""
        wanted = (tuple(txs), time_ms, tuple(misbehaviour), tuple(last_commit))
        last = self._last_run
        if last is None or (last.txs, last.time_ms, last.misbehaviour, last.last_commit) != wanted:
            execution = self._block_execution(time_ms, misbehaviour, last_commit if txs else None)
            execution.verify_ahead(txs)
            results = tuple([execution.run(wire) for wire in txs])
            last = self._last_run = _run_of(execution, *wanted, results)
        return last

    def _block_execution(
        self, time_ms: int, misbehaviour: Sequence[bytes], last_commit: LastCommit | None
    ) -> Execution:
        """The start of a block; `last_commit` is None for one without transactions."""
        expired = self._nonces.expired(time_ms)
        execution = self._execution(self._height + 1, Moment.of_block(time_ms), expired)
        execution.punish(misbehaviour)
        if last_commit is not None:
            execution.open_block(last_commit, self._tree.root)
        return execution

    def _execution(self, height: int, moment: Moment, expired: Sequence[int] = ()) -> Execution:
        if not self._ledger:
            raise OutOfOrder("the application has no genesis; call init_chain first")
        return Execution(
            self._values.get,
            self._nonces,
            self._ledger,
            height,
            moment,
            self._memory,
            self._consortium,
            expired,
        )

    def _latest(self, tree: StateTree) -> Members:
        return latest_members(View(tree.get), self._consortium.validators)

    def _adopt(
        self,
        ledger: str,
        height: int,
        time_ms: int,
        tree: StateTree,
        values: dict[bytes, bytes],
        nonces: NonceBook,
        validators: Members,
    ) -> None:
        self._ledger, self._values, self._nonces = ledger, values, nonces
        self._consortium = consortium_after(Consortium(dict(validators)), values.items())
        self._set(height, time_ms, tree)

    def _set(self, height: int, time_ms: int, tree: StateTree) -> None:
        self._height, self._time_ms, self._tree = height, time_ms, tree
        self._pending = self._last_run = None
        self._versions[height] = tree
        while len(self._versions) > self._kept_versions:
            self._versions.popitem(last=False)


def _checked(result: TxResult, now_ms: int) -> CheckResult:
    if result.body is None:
        return CheckResult(result.code, result.reason)
    try:
        check_clock(result.body.issued_at, now_ms)
    except Rejected as refusal:
        return CheckResult(refusal.code, refusal.reason)
    return _PASSED


def _run_of(
    execution: Execution,
    txs: tuple[bytes, ...],
    time_ms: int,
    misbehaviour: tuple[bytes, ...],
    last_commit: tuple[tuple[bytes, bool], ...],
    results: tuple[TxResult, ...],
) -> _Run:
    changes = execution.end_block()
    return _Run(txs, time_ms, misbehaviour, last_commit, results, changes, tuple(execution.nonces))
