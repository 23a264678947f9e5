"""A node whose validator stands for election, and does not vote, tells the ledger that it follows.

Rules
- Once per epoch, signed by the validator's own key (ledger/machine/rules/candidacy.py).
- Only after a block with somebody else's business: candidates that answered each other's renewals would keep
  an idle ledger awake.
- A renewal that got lost is sent again, as the same bytes.
"""

import os
from collections.abc import Callable

from ledger.machine.application import Application
from ledger.machine.rules.candidacy import author_of
from ledger.node.block_store import StoredBlock
from ledger.types.canonical import b64u_encode
from ledger.types.tx import VALIDATOR_KEY_ID, CandidacyRenewed, decode_tx, encode_tx, signed_bytes

RENEWAL_LIFE_MS = 3_600_000


class Candidacy:
    """The renewals of the validator with key `public`; `sign` signs for it, `clock_ms` is our clock."""

    def __init__(
        self, chain_id: str, public: bytes, sign: Callable[[bytes], bytes], clock_ms: Callable[[], int]
    ) -> None:
        self._chain_id = chain_id
        self._public = public
        self._sign = sign
        self._clock_ms = clock_ms
        self._news = False
        self._made: tuple[int, bytes] | None = None

    def renewal(self, app: Application, block: StoredBlock, catching_up: bool) -> bytes | None:
        """The transaction to send after this block; None when there is nothing to say."""
        self._news = self._news or any(not _is_renewal(wire) for wire in block.txs)
        epoch = app.epoch()
        if epoch is None or catching_up or not self._news or not self._waits(app, epoch.number):
            return None
        self._news = False
        if self._made is None or self._made[0] != epoch.number:
            self._made = (epoch.number, self._make(epoch.number))
        return self._made[1]

    def _waits(self, app: Application, epoch: int) -> bool:
        """Whether the validator stands, does not vote, and has not renewed in this epoch."""
        if b64u_encode(self._public) not in app.candidates():
            return False
        entry = app.candidate(self._public)
        votes = self._public in app.validators_at(app.info().height + 2)
        return entry is not None and entry.renewed != epoch and not votes

    def _make(self, epoch: int) -> bytes:
        now = self._clock_ms()
        body = CandidacyRenewed(
            ledger=self._chain_id,
            author=author_of(self._public),
            nonce=b64u_encode(os.urandom(16)),
            issued_at=now,
            not_after=now + RENEWAL_LIFE_MS,
            public=b64u_encode(self._public),
            epoch=epoch,
        )
        return encode_tx(body, VALIDATOR_KEY_ID, self._sign(signed_bytes(body)))


def _is_renewal(wire: bytes) -> bool:
    return isinstance(decode_tx(wire).body, CandidacyRenewed)
