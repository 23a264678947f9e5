"""From a validator's answer to what a verified header proves. Pure; whatever does not fit is a ProofInvalid.

Rules
- A block is the one that the header's commit names: its parts' hash covers every byte of it.
- A range's last header is the verified one, and each names the hash of the one before.
- Of results, only the codes are under a hash, that of the next header. Events must at least be possible ones.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from ledger.client.errors import ProofInvalid, TxRejected
from ledger.client.verify import Checks
from ledger.light.proof import verify_inclusion
from ledger.machine.proofs import ProofError, verify_absence, verify_presence
from ledger.machine.results import Event
from ledger.thin.events import events_possible
from ledger.types import merkle
from ledger.types.block import Commit, Header
from ledger.types.ids import sha256
from ledger.types.proto import ProtoError
from ledger.types.results import ExecTxResult, results_hash
from ledger.types.rpc_json import (
    base64_bytes,
    commit_from_json,
    header_from_json,
    integer_of,
    proof_from_json,
)

MAX_REASON = 500
P = ParamSpec("P")
T = TypeVar("T")


def lie(expected: str, actual: str = "something else") -> ProofInvalid:
    """That an answer does not verify."""
    return ProofInvalid("that answered", expected, actual)


def _checked(read: Callable[P, T]) -> Callable[P, T]:
    """Malformed is malformed, whoever sent it."""

    @wraps(read)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, ProtoError) as error:
            raise lie(read.__name__, type(error).__name__) from error

    return checked


class Against(Checks):
    """Checks answers against one header that the light client has verified."""

    def __init__(self, header_hash: bytes) -> None:
        self._hash = header_hash

    def check_signed(self, header: Header, commit: Commit) -> None:
        """Raises ProofInvalid unless this is the verified header."""
        if header.hash != self._hash:
            raise lie("the verified header", "another one")


@_checked
def stated(answer: Mapping[str, Any]) -> tuple[Header, Commit]:
    """Header and commit that an answer with a `signed_header` is about; not verified yet."""
    signed = answer["signed_header"]
    return header_from_json(signed["header"]), commit_from_json(signed["commit"])


@_checked
def header_named(answer: Mapping[str, Any], digest: bytes) -> Header | None:
    """The header with this hash in a `header_by_hash` answer, not verified yet; None when there is none."""
    if answer["header"] is None:
        return None
    header = header_from_json(answer["header"])
    if header.hash != digest:
        raise lie("the header asked for", "another one")
    return header


@_checked
def tx_of(answer: Mapping[str, Any], tx_hash: bytes, header: Header) -> tuple[bytes, merkle.Proof]:
    """The transaction with this hash and its proof of inclusion under `header`, in a `tx` answer."""
    wire, proof = base64_bytes(answer["tx"]), proof_from_json(answer["proof"]["proof"])
    if sha256(wire) != tx_hash:
        raise lie("the transaction asked for", "another one")
    verdict = verify_inclusion(header, wire, proof)
    if not verdict.ok:
        raise lie("an inclusion proof", verdict.reason)
    return wire, proof


@_checked
def found_in(answer: Mapping[str, Any], what: str) -> tuple[int, list[Any]]:
    """How many things a search found, and those of this page."""
    return integer_of(answer["total_count"]), list(answer[what] or ())


@_checked
def found_tx(answer: Mapping[str, Any], header: Header) -> tuple[bytes, merkle.Proof]:
    """A transaction that a search found, and its proof of inclusion under `header`."""
    return tx_of(answer, bytes.fromhex(answer["hash"]), header)


@_checked
def height_of_found(answer: Mapping[str, Any]) -> int:
    """The height of a block that a search found; not verified yet."""
    return integer_of(answer["block"]["header"]["height"])


@_checked
def counts_in(answer: Mapping[str, Any]) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    """Up to which height, and from which, there are how many events of each type, says a validator."""
    counts = sorted((str(type_), integer_of(count)) for type_, count in answer["counts"].items())
    return integer_of(answer["height"]), integer_of(answer["from"]), tuple(counts)


@_checked
def accepted(answer: Mapping[str, Any]) -> None:
    """That a `check_tx` answer refuses nothing. Raises TxRejected."""
    if code := integer_of(answer["code"]):
        raise TxRejected(code, str(answer["log"])[:MAX_REASON], permanent=False)


@_checked
def height_in(answer: Mapping[str, Any]) -> int:
    """The height that an answer states, which decides nothing but what it is checked against."""
    return integer_of(answer["height"])


@_checked
def proof_in(answer: Mapping[str, Any]) -> merkle.Proof:
    """The inclusion proof in a proof bundle."""
    return proof_from_json(answer["proof"])


@_checked
def query_height(answer: Mapping[str, Any]) -> int:
    """After which block an `abci_query` answer says its state was."""
    return integer_of(answer["response"]["height"])


@_checked
def tip_of(answer: Mapping[str, Any]) -> int:
    """The last height that the answering validator says it has."""
    return integer_of(answer["tip"])


@_checked
def codes_of(answer: Mapping[str, Any], after: Header) -> tuple[int, ...]:
    """The codes in a `block_results` answer, `after` being the header of the next height."""
    codes = tuple(integer_of(result["code"]) for result in answer["txs_results"] or ())
    if results_hash(ExecTxResult(code) for code in codes) != after.last_results_hash:
        raise lie(f"the results of block {after.height - 1}")
    return codes


@_checked
def events_of(answer: Mapping[str, Any], wires: Mapping[int, bytes]) -> tuple[tuple[Event, ...], ...]:
    """The events in a `block_results` answer of the transactions `wires`, by their place in the block."""
    found = []
    for index, wire in wires.items():
        events = tuple(_event(event) for event in answer["txs_results"][index]["events"])
        if not events_possible(wire, events):
            raise lie("events of this transaction", "others")
        found.append(events)
    return tuple(found)


@lru_cache(maxsize=64)
def all_accepted(count: int) -> bytes:
    """The `last_results_hash` after a block of `count` transactions of code 0."""
    return results_hash([ExecTxResult()] * count)


@_checked
def query_of(answer: Mapping[str, Any], key: bytes, header: Header) -> tuple[bytes | None, bytes]:
    """Value (None: proven absent) and proof in an `abci_query` answer, under `header`'s app hash."""
    response = answer["response"]
    value, proof = response["value"], response["proofOps"]["ops"][0]["data"]
    return state_of({"value": value, "proof": proof}, key, header)


@_checked
def state_of(answer: Mapping[str, Any], key: bytes, header: Header) -> tuple[bytes | None, bytes]:
    """Value (None: proven absent) and proof, under the app hash of `header`, which is verified."""
    value = None if answer["value"] is None else base64_bytes(answer["value"])
    proof = base64_bytes(answer["proof"])
    try:
        if value is None:
            verify_absence(header.app_hash, key, proof)
        else:
            verify_presence(header.app_hash, key, value, proof)
    except ProofError as error:
        raise lie("a proof of state", str(error)) from error
    return value, proof


def _event(value: Mapping[str, Any]) -> Event:
    attributes = tuple((str(each["key"]), str(each["value"])) for each in value["attributes"])
    return Event(str(value["type"]), attributes)
