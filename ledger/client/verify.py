"""From a validator's answer to a value one may rely on: nothing is returned that was not proven.

Rules
- A header counts when more than two thirds of the validators of its height signed it (see `trust`).
- A transaction counts when its inclusion proof leads to the header's `data_hash`; a state value, present or
  absent, when its ICS-23 proof leads to the header's `app_hash`.
- In a range each header names the hash of the one before, so one commit at the end vouches for all, and none
  can be left out.
- What a block says about its evidence and about who signed the block before counts when its header commits
  to it.
- Anything malformed is the validator's fault: ProofInvalid.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ledger.client.errors import ProofInvalid
from ledger.client.trust import TrustedValidators
from ledger.client.types import CommittedTx, Cursor, VerifiedValue
from ledger.light.proof import verify_inclusion
from ledger.light.provider import Provider
from ledger.machine.proofs import ProofError, verify_absence, verify_presence
from ledger.types.block import Commit, Header, data_hash
from ledger.types.evidence import DuplicateVoteEvidence
from ledger.types.genesis import Genesis
from ledger.types.ids import sha256
from ledger.types.merkle import root
from ledger.types.proto import ProtoError
from ledger.types.rpc_json import (
    JsonShapeError,
    base64_bytes,
    commit_from_json,
    header_from_json,
    proof_from_json,
)
from ledger.types.validators import ValidatorSet

_MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError, ProtoError, JsonShapeError)


@dataclass(frozen=True)
class ProvenBlock:
    """A verified header with its transactions (`full`) or their hashes.

    `last_commit` and `evidence` are there when they were asked for (`signed`).
    """

    header: Header
    txs: tuple[bytes, ...]
    last_commit: Commit | None = None
    evidence: tuple[DuplicateVoteEvidence, ...] = ()


@dataclass(frozen=True)
class ProvenRange:
    """Consecutive verified blocks, and the commit that vouches for the last of them."""

    blocks: tuple[ProvenBlock, ...]
    commit: Commit | None


class Checks(ABC):
    """Answers checked against headers. Which headers count, `check_signed` of a subclass decides."""

    @abstractmethod
    def check_signed(self, header: Header, commit: Commit) -> None:
        """Raises ProofInvalid unless this header counts, `commit` vouching for it."""

    def signed_header(self, answer: Mapping[str, Any]) -> Header:
        """The header that an answer of the `commit` route holds."""
        try:
            return self._signed_header(answer["signed_header"])
        except _MALFORMED as error:
            raise _lie("a signed header", repr(error)) from error

    def committed_tx(self, bundle: Mapping[str, Any], wire: bytes | None = None) -> CommittedTx:
        """The transaction that a proof bundle proves (`wire`, when given)."""
        try:
            header = self._signed_header(bundle["signed_header"])
            tx, proof = base64_bytes(bundle["tx"]), proof_from_json(bundle["proof"])
        except _MALFORMED as error:
            raise _lie("a proof bundle", repr(error)) from error
        if wire is not None and tx != wire:
            raise _lie("a proof of the transaction that was asked for", "one of another")
        verdict = verify_inclusion(header, tx, proof)
        if not verdict.ok:
            raise _lie("an inclusion proof", verdict.reason)
        cursor = Cursor(header.height, proof.index)
        return CommittedTx(sha256(tx).hex().upper(), cursor, header.time_ns // 1_000_000)

    def value(self, answer: Mapping[str, Any], key: bytes, min_height: int) -> VerifiedValue:
        """The state's value under `key`, as a `query_proven` answer proves it."""
        try:
            header = self._signed_header(answer["signed_header"])
            value = None if answer["value"] is None else base64_bytes(answer["value"])
            proof = base64_bytes(answer["proof"])
            if value is None:
                verify_absence(header.app_hash, key, proof)
            else:
                verify_presence(header.app_hash, key, value, proof)
            parsed = None if value is None else json.loads(value)
        except (*_MALFORMED, ProofError) as error:
            raise _lie("a proven state value", repr(error)) from error
        if header.height <= min_height:
            raise _lie(f"the state after block {min_height}", f"that of header {header.height}")
        return VerifiedValue(parsed, header.height - 1, header.time_ns // 1_000_000)

    def blocks(self, answer: Mapping[str, Any], first: int, full: bool) -> ProvenRange:
        """The blocks from height `first` on in a range answer; none when the answer holds none."""
        try:
            headers = [Header.decode(base64_bytes(header)) for header in answer["headers"]]
            txs = [tuple(base64_bytes(tx) for tx in block) for block in answer["txs"]]
            if not headers:
                return ProvenRange((), None)
            commit = Commit.decode(base64_bytes(answer["commit"]))
            signed = _signed(answer, len(headers))
            found = tuple(ProvenBlock(*each) for each in zip(headers, txs, *signed, strict=True))
        except _MALFORMED as error:
            raise _lie("a range of headers", repr(error)) from error
        self.check_signed(headers[-1], commit)
        _check_links(headers, first)
        for block in found:
            if (data_hash(block.txs) if full else root(block.txs)) != block.header.data_hash:
                raise _lie(f"the transactions of block {block.header.height}", "others")
            _check_signed_parts(block)
        return ProvenRange(found, commit)

    def _signed_header(self, value: Mapping[str, Any]) -> Header:
        header = header_from_json(value["header"])
        self.check_signed(header, commit_from_json(value["commit"]))
        return header


class Trust(Checks):
    """What a client believes: the genesis, and the validators that it leads to."""

    def __init__(self, genesis: Genesis, sources: Callable[[], Sequence[Provider]] = tuple) -> None:
        self.chain_id = genesis.chain_id
        self._validators = TrustedValidators(genesis, sources)
        self.names = {address_hex(each.public_key): each.name for each in genesis.validators}

    @property
    def validators(self) -> ValidatorSet:
        """The newest validators known."""
        return self._validators.latest

    @property
    def faulty(self) -> int:
        """How many validators may lie without harm: f of 3f + 1."""
        return (len(self.validators) - 1) // 3

    def check_signed(self, header: Header, commit: Commit) -> None:
        """Raises ProofInvalid unless more than two thirds of its height's validators signed this header."""
        self._validators.check_signed(header, commit)


def _signed(
    answer: Mapping[str, Any], count: int
) -> tuple[Sequence[Commit | None], Sequence[tuple[DuplicateVoteEvidence, ...]]]:
    """The last commits and the evidence of a range answer; nothing for each block when it has none."""
    if "last_commits" not in answer:
        return [None] * count, [()] * count
    commits = [Commit.decode(base64_bytes(commit)) for commit in answer["last_commits"]]
    evidence = [
        tuple(DuplicateVoteEvidence.decode(base64_bytes(piece)) for piece in pieces)
        for pieces in answer["evidence"]
    ]
    return commits, evidence


def _check_signed_parts(block: ProvenBlock) -> None:
    if block.last_commit is None:
        return
    if block.last_commit.hash != block.header.last_commit_hash:
        raise _lie(f"the last commit in block {block.header.height}", "another one")
    if root([piece.encode() for piece in block.evidence]) != block.header.evidence_hash:
        raise _lie(f"the evidence in block {block.header.height}", "other evidence")


def _check_links(headers: list[Header], first: int) -> None:
    if headers[0].height != first:
        raise _lie(f"a range from block {first}", f"one from {headers[0].height}")
    for before, after in pairwise(headers):
        if after.height != before.height + 1 or after.last_block_id.hash != before.hash:
            raise _lie(f"block {before.height} before block {before.height + 1}", "a broken chain")


def address_hex(public_key: bytes) -> str:
    """A validator's address as upper-case hex."""
    return sha256(public_key)[:20].hex().upper()


def _lie(expected: str, actual: str) -> ProofInvalid:
    return ProofInvalid("that answered", expected, actual)
