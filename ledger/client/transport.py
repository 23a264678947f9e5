"""Reaching validators over HTTP: tried in turn, the dead ones last, connections kept alive."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import httpx

from ledger.client.errors import LedgerUnavailable, NotFound, ProofInvalid, TxRejected

CONNECT_S = 0.5
SLACK_S = 2.0
"""How much longer than it was told to wait a validator may take to answer."""
AVOID_S = 2.0
"""How long a validator that failed is tried last."""
REJECTED, TIMED_OUT, NOT_THERE = -32001, -32002, -32603

_ABSENT = ("not found", "current blockchain height", "no block", "is not available")
"""How validators say that what was asked for is not there."""

Checked = TypeVar("Checked")


class Unanswered(Exception):
    """One validator gave no usable answer; others may."""


class Transport:
    """JSON-RPC to several validators. Thread-safe."""

    def __init__(self, addresses: Sequence[str], faulty: int) -> None:
        """`faulty` is f: how many of the validators may lie. Refusals count when f + 1 of them agree."""
        if not addresses:
            raise ValueError("a ledger client needs the address of at least one validator")
        self.addresses = tuple(address.rstrip("/") for address in addresses)
        self._faulty = faulty
        self._avoid: dict[str, float] = {}
        self._first = 0
        self._lock = threading.Lock()
        self._http = httpx.Client(
            limits=httpx.Limits(max_keepalive_connections=32, keepalive_expiry=60), trust_env=False
        )

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def ask(
        self, method: str, params: Mapping[str, Any], check: Callable[[Any], Checked], wait_s: float = 0.0
    ) -> Checked:
        """The first answer that `check` accepts (it raises ProofInvalid, or returns the verified value).

        Raises TxRejected when f + 1 validators refuse (or all that answer), NotFound when none has it,
        ProofInvalid when answers came but none verified, LedgerUnavailable when none came.
        """
        refusals: list[TxRejected] = []
        troubles: list[Exception] = []
        for address in self._in_turn():
            try:
                return check(self.call(address, method, params, wait_s))
            except TxRejected as refusal:
                refusals.append(refusal)
                if len(refusals) > self._faulty:
                    break
            except (NotFound, ProofInvalid, Unanswered) as trouble:
                troubles.append(trouble)
        raise self._verdict(refusals, troubles)

    def call(self, address: str, method: str, params: Mapping[str, Any], wait_s: float = 0.0) -> Any:
        """One validator's answer. Raises TxRejected, NotFound, Unanswered."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        timeout = httpx.Timeout(wait_s + SLACK_S, connect=CONNECT_S)
        try:
            answer = self._http.post(address, json=request, timeout=timeout).json()
        except (httpx.HTTPError, ValueError) as error:
            self._failed(address)
            raise Unanswered(f"{address}: {type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise Unanswered(f"{address}: not a JSON-RPC answer")
        if (refused := answer.get("error")) is not None:
            raise error_of(address, refused)
        return answer.get("result")

    def prefer_next(self) -> None:
        """Begin with another validator from now on: the one before may be cut off from the rest."""
        with self._lock:
            self._first += 1

    def _in_turn(self) -> Iterator[str]:
        now = time.monotonic()
        with self._lock:
            avoided = {address for address, until in self._avoid.items() if until > now}
            first = self._first % len(self.addresses)
        turn = self.addresses[first:] + self.addresses[:first]
        yield from sorted(turn, key=lambda address: address in avoided)

    def _failed(self, address: str) -> None:
        with self._lock:
            self._avoid[address] = time.monotonic() + AVOID_S

    @staticmethod
    def _verdict(refusals: list[TxRejected], troubles: list[Exception]) -> Exception:
        for kind in (ProofInvalid, NotFound):
            found = next((trouble for trouble in troubles if isinstance(trouble, kind)), None)
            if found is not None and not refusals:
                return found
        if refusals:
            return refusals[0]
        return LedgerUnavailable("no validator gave an answer: " + "; ".join(str(each) for each in troubles))


def error_of(address: str, error: Any) -> Exception:
    """A JSON-RPC error as what it means to us: TxRejected, NotFound or Unanswered."""
    code = error.get("code") if isinstance(error, dict) else None
    data = str(error.get("data", "")) if isinstance(error, dict) else ""
    if code == REJECTED:
        number, permanent, reason = [*data.split("|", 2), "", ""][:3]
        return TxRejected(int(number) if number.isdigit() else 0, reason, permanent == "1")
    if code == NOT_THERE and any(words in data for words in _ABSENT):
        return NotFound(data)
    return Unanswered(f"{address}: error {code}: {data[:200]}")
