"""Who knocks: connections that have not shown a certificate yet, bounded in number, rate and time.

Rules
- A handshake costs us a signature, so each address may begin only so many per second, and all addresses
  together that no peer is known to live at only so many. What goes beyond is closed before a byte is read.
- Only so many handshakes run at a time. When all places are taken the oldest makes room, of the same address
  if that one has many: who opens connections and then says nothing keeps nobody else out.
- What is remembered of addresses is bounded, too.
"""

from collections import OrderedDict
from collections.abc import Callable

from ledger.node.limits import Allowance

PLACES = 64
PLACES_PER_ADDRESS = 16
PER_ADDRESS_PER_S, PER_ADDRESS_AT_ONCE = 20.0, 100.0
TOGETHER_PER_S, TOGETHER_AT_ONCE = 100.0, 200.0
MAX_ADDRESSES = 4_096
_PATIENT = 10**9
"""Strangers are turned away, never called liars: there is nobody to drop."""


class Stranger:
    """One connection whose handshake runs. `end` ends it at once."""

    def __init__(self, address: str, end: Callable[[], None]) -> None:
        self.address = address
        self.end = end


class Strangers:
    """The handshakes that run now. `is_known(address)` tells where peers live."""

    def __init__(self, is_known: Callable[[str], bool] = lambda address: False) -> None:
        self._is_known = is_known
        self._here: OrderedDict[Stranger, None] = OrderedDict()
        self._together = Allowance(TOGETHER_PER_S, TOGETHER_AT_ONCE, forbearance=_PATIENT)
        self._by_address: OrderedDict[str, Allowance] = OrderedDict()
        self.turned_away = 0
        """How many were closed unheard, since the start."""

    def __len__(self) -> int:
        return len(self._here)

    def enter(self, address: str, end: Callable[[], None], now_s: float) -> Stranger | None:
        """Give a new connection a place; None: close it."""
        if not self._may_begin(address, now_s):
            self.turned_away += 1
            return None
        self._make_room(address)
        stranger = Stranger(address, end)
        self._here[stranger] = None
        return stranger

    def leave(self, stranger: Stranger) -> None:
        """Its handshake is over, well or not."""
        self._here.pop(stranger, None)

    def _may_begin(self, address: str, now_s: float) -> bool:
        own = self._by_address.pop(address, None)
        if own is None:
            own = Allowance(PER_ADDRESS_PER_S, PER_ADDRESS_AT_ONCE, forbearance=_PATIENT)
        self._by_address[address] = own
        if len(self._by_address) > MAX_ADDRESSES:
            self._by_address.popitem(last=False)
        return own.take(now_s) and (self._is_known(address) or self._together.take(now_s))

    def _make_room(self, address: str) -> None:
        same = [one for one in self._here if one.address == address]
        crowd = same if len(same) >= PLACES_PER_ADDRESS else list(self._here)
        if len(same) >= PLACES_PER_ADDRESS or len(self._here) >= PLACES:
            self.leave(crowd[0])
            crowd[0].end()
