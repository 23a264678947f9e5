"""Running transactions over a version of the state without touching it.

Rules
- A transaction that is refused changes nothing; the next one sees the state as it was.
- A block first forgets the nonces whose time has passed, then punishes the validators that it proves at
  fault; if it holds transactions, the epoch moves on; then it runs them in order.
- Cheap refusals come first: size and form, ledger, time and nonce, the key, then the signature, and only
  behind a good signature the work that an attacker could make dear (curve checks, handle proofs).
- A signature is verified once per (transaction, key): a mempool's work is not repeated in the block.
"""

from collections import OrderedDict
from collections.abc import Iterable

from ledger.machine.context import Consortium, Context, LastCommit, Moment
from ledger.machine.entries import View
from ledger.machine.results import TxResult
from ledger.machine.rules.epoch import open_block
from ledger.machine.rules.misbehaviour import punish
from ledger.machine.rules.table import outcome, required_key
from ledger.machine.state import StateTree
from ledger.types.signing import verify_ed25519
from ledger.types.tx import SignedTx, decode_tx, tx_hash
from ledger.types.tx_errors import Code, Rejected

REMEMBERED_SIGNATURES = 50_000
REMEMBERED_BYTES = 64 * 1024 * 1024


class TxMemory:
    """What is known of transactions seen lately: their decoded form, and under which key the signature holds.

    Only transactions with a good signature are remembered, by the hash of their very bytes, so memory never
    changes a verdict and a stranger's bytes never fill it.
    """

    def __init__(self, signatures: int = REMEMBERED_SIGNATURES, wire_bytes: int = REMEMBERED_BYTES) -> None:
        self._most_signatures = signatures
        self._most_bytes = wire_bytes
        self._bytes = 0
        self._decoded: OrderedDict[bytes, SignedTx] = OrderedDict()
        self._verified: OrderedDict[tuple[bytes, bytes], None] = OrderedDict()

    def decode(self, wire: bytes) -> SignedTx:
        """The decoded transaction. Raises Rejected as decode_tx does."""
        return self._decoded.get(tx_hash(wire)) or decode_tx(wire)

    def check_signature(self, signed: SignedTx, public_key: bytes) -> None:
        """Raises Rejected(SIGNATURE_INVALID) unless ZIP-215 accepts the signature under this key."""
        if (signed.hash, public_key) in self._verified:
            return
        if not verify_ed25519(public_key, signed.signed_bytes, signed.signature):
            raise Rejected(Code.SIGNATURE_INVALID, f"the signature is not key {signed.key_id}'s on this body")
        self._verified[signed.hash, public_key] = None
        if len(self._verified) > self._most_signatures:
            self._verified.popitem(last=False)
        self._remember(signed)

    def _remember(self, signed: SignedTx) -> None:
        if signed.hash not in self._decoded:
            self._decoded[signed.hash] = signed
            self._bytes += len(signed.wire)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._decoded.popitem(last=False)[1].wire)


class Execution:
    """Transactions run on top of a state; `changes` is what they set (None: deleted)."""

    def __init__(
        self,
        state: StateTree,
        ledger: str,
        height: int,
        moment: Moment,
        memory: TxMemory,
        consortium: Consortium,
        expired: Iterable[bytes] = (),
    ) -> None:
        self._state = state
        self._memory = memory
        self.changes: dict[bytes, bytes | None] = dict.fromkeys(expired)
        self._context = Context(View(self._read), moment, height, ledger, consortium)

    def run(self, wire: bytes) -> TxResult:
        """Run one transaction. Never raises for what a sender may do: the result says why it was refused."""
        try:
            signed = self._memory.decode(wire)
            self._memory.check_signature(signed, required_key(self._context, signed))
            done = outcome(self._context, signed)
        except Rejected as refusal:
            return TxResult(refusal.code, refusal.reason)
        self.changes.update(done.writes)
        return TxResult(Code.OK, events=done.events, body=signed.body)

    def punish(self, misbehaviour: Iterable[bytes]) -> None:
        """Take the power of these validators (32-byte keys), which the block proves to have voted twice."""
        for public in misbehaviour:
            self.changes.update(punish(self._context, public).writes)

    def open_block(self, last_commit: LastCommit) -> None:
        """Count who signed the block before; elect if the epoch is over. Once, before the transactions."""
        self.changes.update(open_block(self._context, last_commit, self._state.root))

    def _read(self, key: bytes) -> bytes | None:
        return self.changes[key] if key in self.changes else self._state.get(key)
