"""Running transactions over a version of the state without touching it.

Rules
- A transaction that is refused changes nothing; the next one sees the state as it was.
- A block first forgets the nonces whose time has passed, then punishes the validators that it proves at
  fault; if it holds transactions, the epoch moves on; then it runs them in order, and last it writes down
  which nonces they used.
- Cheap refusals come first: size and form, ledger, time and nonce, the key, then the signature, and only
  behind a good signature the work that an attacker could make dear (curve checks, handle proofs).
- A signature is verified once per (transaction, key): a mempool's work is not repeated in the block.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from ledger.machine.context import Consortium, Context, LastCommit, Moment
from ledger.machine.entries import Reader, View, encoded, nonces_key, write
from ledger.machine.nonces import NonceBook, nonce_name, nonces_entry
from ledger.machine.results import TxResult
from ledger.machine.rules.epoch import open_block
from ledger.machine.rules.misbehaviour import punish
from ledger.machine.rules.table import outcome, required_key
from ledger.types.signing import verify_all, verify_ed25519
from ledger.types.tx import SignedTx, decode_tx
from ledger.types.tx_errors import Code, Rejected

REMEMBERED_SIGNATURES = 50_000
REMEMBERED_BYTES = 64 * 1024 * 1024


class TxMemory:
    """Transactions seen lately and not yet in a block: decoded, with the key under which the signature holds.

    Only transactions with a good signature are remembered, by their very bytes, so memory never changes a
    verdict and a stranger's bytes never fill it. The oldest go first.
    """

    def __init__(self, signatures: int = REMEMBERED_SIGNATURES, wire_bytes: int = REMEMBERED_BYTES) -> None:
        self._most_signatures = signatures
        self._most_bytes = wire_bytes
        self._bytes = 0
        self._verified: dict[bytes, tuple[SignedTx, bytes]] = {}
        self.believed = False
        """Set while blocks run again whose signatures were verified before they were stored."""

    def __contains__(self, wire: bytes) -> bool:
        return wire in self._verified

    def decode(self, wire: bytes) -> SignedTx:
        """The decoded transaction. Raises Rejected as decode_tx does."""
        known = self._verified.get(wire)
        return decode_tx(wire) if known is None else known[0]

    def check_signature(self, signed: SignedTx, public_key: bytes) -> None:
        """Raises Rejected(SIGNATURE_INVALID) unless ZIP-215 accepts the signature under this key."""
        if not self._holds(signed, public_key):
            raise _not_signed(signed)

    def check_signatures(self, asked: Sequence[tuple[SignedTx, bytes]]) -> list[bool]:
        """Whether each of these is signed by that key: verified together, and apart only if one is not."""
        new = [(signed, key) for signed, key in asked if not self._is_known(signed, key)]
        if verify_all([(key, signed.signed_bytes, signed.signature) for signed, key in new]):
            for signed, key in new:
                self._remember(signed, key)
            return [True] * len(asked)
        return [self._holds(signed, key) for signed, key in asked]

    def _holds(self, signed: SignedTx, public_key: bytes) -> bool:
        if self._is_known(signed, public_key):
            return True
        if not verify_ed25519(public_key, signed.signed_bytes, signed.signature):
            return False
        self._remember(signed, public_key)
        return True

    def _is_known(self, signed: SignedTx, public_key: bytes) -> bool:
        known = self._verified.get(signed.wire)
        return self.believed or (known is not None and known[1] == public_key)

    def _remember(self, signed: SignedTx, public_key: bytes) -> None:
        self.forget((signed.wire,))
        self._verified[signed.wire] = (signed, public_key)
        self._bytes += len(signed.wire)
        while self._bytes > self._most_bytes or len(self._verified) > self._most_signatures:
            self.forget((next(iter(self._verified)),))

    def forget(self, wires: Iterable[bytes]) -> None:
        """Drop these transactions: a block holds them, and none will again."""
        for wire in wires:
            if self._verified.pop(wire, None) is not None:
                self._bytes -= len(wire)


def _not_signed(signed: SignedTx) -> Rejected:
    return Rejected(Code.SIGNATURE_INVALID, f"the signature is not key {signed.key_id}'s on this body")


class Execution:
    """Transactions run on top of a state; `changes` is what they set (None: deleted).

    `read` gives the state's values, `book` remembers its nonces; `nonces` are those that were used here, with
    their `not_after`.
    """

    def __init__(
        self,
        read: Reader,
        book: NonceBook,
        ledger: str,
        height: int,
        moment: Moment,
        memory: TxMemory,
        consortium: Consortium,
        expired: Iterable[int] = (),
    ) -> None:
        self._state = read
        self._book = book
        self._time_ms = moment.earliest
        self._memory = memory
        self.nonces: dict[str, int] = {}
        self.changes: dict[bytes, bytes | None] = {nonces_key(gone): None for gone in expired}
        self._context = Context(View(self._read), moment, height, ledger, consortium, self._is_used)

    def run(self, wire: bytes) -> TxResult:
        """Run one transaction. Never raises for what a sender may do: the result says why it was refused."""
        try:
            signed = self._memory.decode(wire)
            self._memory.check_signature(signed, required_key(self._context, signed))
            done = outcome(self._context, signed)
        except Rejected as refusal:
            return TxResult(refusal.code, refusal.reason)
        body = signed.body
        self.changes.update(encoded(done.writes))
        self.nonces[nonce_name(body.author, body.nonce)] = body.not_after
        return TxResult(Code.OK, events=done.events, body=body)

    def verify_ahead(self, wires: Iterable[bytes]) -> None:
        """Verify together what `run` will ask for one by one; what cannot be told yet is left to it."""
        found = []
        for wire in () if self._memory.believed else wires:
            if wire in self._memory:
                continue
            with suppress(Rejected):
                signed = self._memory.decode(wire)
                found.append((signed, required_key(self._context, signed)))
        self._memory.check_signatures(found)

    def check(self, wires: Sequence[bytes]) -> list[TxResult]:
        """What `run` would say to each of these, were it the only one: nothing is changed."""
        results: list[TxResult] = []
        good: list[tuple[int, SignedTx, bytes]] = []
        for wire in wires:
            try:
                signed = self._memory.decode(wire)
                good.append((len(results), signed, required_key(self._context, signed)))
                results.append(TxResult(Code.OK, body=signed.body))
            except Rejected as refusal:
                results.append(TxResult(refusal.code, refusal.reason))
        held = self._memory.check_signatures([(signed, key) for _, signed, key in good])
        for (place, signed, _), holds in zip(good, held, strict=True):
            try:
                if not holds:
                    raise _not_signed(signed)
                outcome(self._context, signed)
            except Rejected as refusal:
                results[place] = TxResult(refusal.code, refusal.reason)
        return results

    def punish(self, misbehaviour: Iterable[bytes]) -> None:
        """Take the power of these validators (32-byte keys), which the block proves to have voted twice."""
        for public in misbehaviour:
            self.changes.update(encoded(punish(self._context, public).writes))

    def open_block(self, last_commit: LastCommit, app_hash: bytes) -> None:
        """Count who signed the block before; elect if the epoch is over. Once, before the transactions."""
        self.changes.update(encoded(open_block(self._context, last_commit, app_hash)))

    def end_block(self) -> dict[bytes, bytes | None]:
        """All that the block changes, its nonces among them."""
        if self.nonces:
            self.changes.update(encoded([write(nonces_key(self._context.height), nonces_entry(self.nonces))]))
        return self.changes

    def _read(self, key: bytes) -> bytes | None:
        return self.changes[key] if key in self.changes else self._state(key)

    def _is_used(self, name: str) -> bool:
        return name in self.nonces or self._book.is_used(name, self._time_ms)
