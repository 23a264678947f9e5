"""A ledger in memory: the real Application behind the real client's method names, one block per call."""

from typing import Any

from ledger.api import (
    CommittedTx,
    Cursor,
    LedgerEvent,
    LedgerUnavailable,
    NotFound,
    TxRejected,
    VerifiedValue,
    loads_canonical,
    tx_hash,
)
from ledger.machine.application import Application
from wallet import ports


class SimLedger:
    """Implements wallet.ports.LedgerPort. `down`: every call fails. `hold`: nothing is committed."""

    def __init__(self, genesis: dict[str, Any]) -> None:
        self.app = Application()
        self.app.init_chain(genesis["chain_id"], genesis["app_state"], ports.now_ms())
        self.pool: list[bytes] = []
        self.events: list[LedgerEvent] = []
        self.height = 0
        self.down = False
        self.hold = False
        self.submitted: list[str] = []

    def submit(self, wire: bytes) -> str:
        self._answer()
        name = tx_hash(wire).hex().upper()
        self.submitted.append(name)
        if self._place(name) is None and wire not in self.pool:
            checked = self.app.check_tx(wire, ports.now_ms())
            if not checked.ok:
                raise TxRejected(
                    int(checked.code), f"{checked.code.name}: {checked.reason}", checked.permanent
                )
            self.pool.append(wire)
        if not self.hold:
            self.seal()
        return name

    def seal(self) -> None:
        """Decide one block of what waits."""
        now = max(ports.now_ms(), self.app.info().time_ms + 1)
        txs = self.app.prepare_proposal(self.pool, 1 << 20, now)
        assert self.app.process_proposal(txs, now)
        self.height += 1
        results = self.app.finalize_block(txs, self.height, now).results
        assert all(result.code == 0 for result in results)
        self.app.commit()
        self.pool = [wire for wire in self.pool if wire not in txs]
        for index, wire in enumerate(txs):
            body = loads_canonical(wire)["body"]
            cursor = Cursor(self.height, index)
            self.events.append(LedgerEvent(cursor, tx_hash(wire).hex().upper(), now, body, wire))

    def commit(self, wire: bytes, timeout_s: float = 10.0) -> CommittedTx:
        name = self.submit(wire)
        event = self._place(name)
        if event is None:
            raise LedgerUnavailable("no quorum")
        return CommittedTx(name, event.cursor, event.time_ms)

    def events_since(self, cursor: Cursor, limit: int = 500, wait_s: float = 0.0) -> list[LedgerEvent]:
        self._answer()
        return [event for event in self.events if event.cursor > cursor][:limit]

    def query(self, key: str, min_height: int = 0) -> VerifiedValue:
        self._answer()
        found = self.app.query(key.encode())
        value = loads_canonical(found.value) if found.value is not None else None
        return VerifiedValue(value, self.height, self.app.info().time_ms)

    def proof_bundle(self, tx_hash: str) -> dict[str, Any]:
        self._answer()
        event = self._place(tx_hash)
        if event is None:
            raise NotFound(tx_hash)
        return {"tx": tx_hash, "height": event.cursor.height}

    def _place(self, name: str) -> LedgerEvent | None:
        return next((event for event in self.events if event.tx_hash == name), None)

    def _answer(self) -> None:
        if self.down:
            raise LedgerUnavailable("0 of 4 validators answer")
