"""From a validator's answer to what a verified header proves. Pure; whatever does not fit is a ProofInvalid.

Rules
- A block is the one that the header's commit names: its parts' hash covers every byte of it.
- A range's last header is the verified one, and each names the hash of the one before.
- Of results, only the codes are under a hash, that of the next header; words and events are under none.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from ledger.client.errors import ProofInvalid
from ledger.client.verify import Checks
from ledger.light.proof import verify_inclusion
from ledger.light.verdict import LightBlock
from ledger.machine.proofs import ProofError, verify_absence, verify_presence
from ledger.types import merkle
from ledger.types.block import Block, Commit, Header, block_id_of
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.ids import sha256
from ledger.types.proto import ProtoError
from ledger.types.results import ExecTxResult, results_hash
from ledger.types.rpc_json import (
    base64_bytes,
    block_id_from_json,
    commit_from_json,
    header_from_json,
    integer_of,
    proof_from_json,
    time_from_text,
)
from ledger.types.vote import Vote, VoteType

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
def stated_header(answer: Mapping[str, Any]) -> Header:
    """The header that an answer with a `signed_header` is about; not verified yet."""
    return header_from_json(answer["signed_header"]["header"])


@_checked
def header_of_block(answer: Mapping[str, Any]) -> Header:
    """The header in a `block` answer; not verified yet."""
    return header_from_json(answer["block"]["header"])


@_checked
def block_of(answer: Mapping[str, Any], verified: LightBlock) -> Block:
    """The whole block that a `block` answer holds, when it is the verified one."""
    stated = answer["block"]
    block = Block(
        header_from_json(stated["header"]),
        tuple(base64_bytes(tx) for tx in stated["data"]["txs"] or ()),
        commit_from_json(stated["last_commit"]),
        tuple(_evidence(piece) for piece in stated["evidence"]["evidence"] or ()),
    )
    if block.header.hash != verified.header.hash or block_id_of(block) != verified.commit.block_id:
        raise lie(f"block {verified.height}", "another block")
    block.check_hashes()
    return block


@_checked
def tx_of(answer: Mapping[str, Any], tx_hash: bytes, verified: LightBlock) -> tuple[bytes, merkle.Proof]:
    """The transaction and its inclusion proof in a `tx` answer."""
    wire, proof = base64_bytes(answer["tx"]), proof_from_json(answer["proof"]["proof"])
    if sha256(wire) != tx_hash:
        raise lie("the transaction asked for", "another one")
    verdict = verify_inclusion(verified.header, wire, proof)
    if not verdict.ok:
        raise lie("an inclusion proof", verdict.reason)
    return wire, proof


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


@_checked
def _evidence(value: Mapping[str, Any]) -> DuplicateVoteEvidence:
    stated = value["value"]
    return DuplicateVoteEvidence(
        _vote(stated["vote_a"]),
        _vote(stated["vote_b"]),
        integer_of(stated["TotalVotingPower"]),
        integer_of(stated["ValidatorPower"]),
        time_from_text(stated["Timestamp"]),
    )


def _vote(value: Mapping[str, Any]) -> Vote:
    return Vote(
        VoteType(value["type"]),
        integer_of(value["height"]),
        value["round"],
        block_id_from_json(value["block_id"]),
        time_from_text(value["timestamp"]),
        bytes.fromhex(value["validator_address"]),
        value["validator_index"],
        base64_bytes(value["signature"]),
    )
