"""Who may connect to this node: decided by the ledger, beginning with what is pinned in the home.

Rules
- A pinned peer may connect until the ledger has let its validator go. A pinned peer that never was a
  validator (an observer, say) may stay.
- A validator that the ledger let in is known by the certificate in its entry, rather than by a pinned one.
- Who stands for election may connect, so that it has the blocks when it is elected.
- The validators of the last, this and the next height count, so that nobody is cut off while it still votes.
"""

from bisect import bisect_right
from collections.abc import Iterator

from ledger.machine.application import Application
from ledger.machine.entries import ValidatorEntry
from ledger.node.executor import Executor
from ledger.node.peers import PeerAddress
from ledger.types.canonical import b64u_decode
from ledger.types.ids import address_of


class Membership:
    """The peers of the node whose validator has the key `own`; worked out again when validators changed."""

    def __init__(self, pinned: tuple[PeerAddress, ...], executor: Executor, own: bytes) -> None:
        self._pinned = pinned
        self._executor = executor
        self._own = own
        self._known: tuple[object, tuple[PeerAddress, ...]] | None = None

    def now(self) -> tuple[PeerAddress, ...]:
        """Every peer that may connect after the last block."""
        app = self._executor.app
        changes, height = app.validator_changes(), app.info().height
        state = (changes, app.candidates(), *(bisect_right(changes, height + more) for more in range(3)))
        if self._known is None or self._known[0] != state:
            self._known = (state, self._members(app, height))
        return self._known[1]

    def _members(self, app: Application, height: int) -> tuple[PeerAddress, ...]:
        current = {key for more in range(3) for key in app.validators_at(height + more)}
        current |= {b64u_decode(key, 32) for key in app.candidates()}
        ever = {key for at in (1, *app.validator_changes()) for key in app.validators_at(at)}
        gone = {address_of(key) for key in ever - current}
        let_in = {peer.validator: peer for peer in _let_in(app, current - {self._own})}
        pinned = {peer.certificate: peer for peer in self._pinned if peer.validator not in {*gone, *let_in}}
        agreed = {peer.certificate: peer for peer in let_in.values()}
        return tuple({**pinned, **agreed}.values())


def _let_in(app: Application, keys: set[bytes]) -> Iterator[PeerAddress]:
    for key in sorted(keys):
        entry = app.validator(key)
        if entry is not None and entry.certificate:
            yield _address(key, entry)


def _address(key: bytes, entry: ValidatorEntry) -> PeerAddress:
    certificate = b64u_decode(entry.certificate)
    return PeerAddress(entry.moniker, entry.host, entry.port, certificate, address_of(key))
