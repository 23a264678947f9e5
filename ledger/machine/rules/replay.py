"""Rules that hold for every transaction: this ledger, its time, once.

- `ledger` is this chain's id: a transaction for another consortium, or a test network, is refused.
- issued_at < not_after <= issued_at + 7 days, and not_after >= header time.
- (author, nonce) is used once. It is remembered until header time has passed `not_after`; after that the time
  rule refuses the transaction. Signature bytes play no part: re-signing does not make a second use.
- A mempool refuses `issued_at` more than 5 minutes ahead of its own clock. A block does not look at it: the
  header time may lag by hours, and every rule that compares times takes the later of both.
"""

from ledger.machine.context import Context
from ledger.machine.nonces import nonce_name
from ledger.types.tx import Body
from ledger.types.tx_errors import Code, Rejected

MAX_LIFE_MS = 7 * 24 * 3600 * 1000
MAX_CLOCK_AHEAD_MS = 5 * 60 * 1000


def check(context: Context, body: Body) -> None:
    """Raises Rejected: WRONG_LEDGER, WINDOW_INVALID, TX_EXPIRED or NONCE_USED."""
    if body.ledger != context.ledger:
        raise Rejected(Code.WRONG_LEDGER, f"made for ledger {body.ledger!r}; this is {context.ledger!r}")
    if not body.issued_at < body.not_after <= body.issued_at + MAX_LIFE_MS:
        raise Rejected(Code.WINDOW_INVALID, f"not_after must be within {MAX_LIFE_MS} ms after issued_at")
    if body.not_after < context.moment.latest:
        raise Rejected(
            Code.TX_EXPIRED, f"not_after {body.not_after} is before {context.moment.latest}; sign a new one"
        )
    if context.nonce_used(nonce_name(body.author, body.nonce)):
        raise Rejected(Code.NONCE_USED, "this author used this nonce before; sign with a fresh one")


def check_clock(issued_at: int, clock_ms: int) -> None:
    """The mempool's own rule. Raises Rejected(ISSUED_IN_FUTURE)."""
    if issued_at > clock_ms + MAX_CLOCK_AHEAD_MS:
        raise Rejected(
            Code.ISSUED_IN_FUTURE, f"issued_at is {issued_at - clock_ms} ms ahead of this node; set the clock"
        )
