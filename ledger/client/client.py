"""`LedgerClient`: the one way other apps reach the ledger. Synchronous, thread-safe, believes only proofs."""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.client.types import (
    BlockDetail,
    BlockSummary,
    CommittedTx,
    Cursor,
    LedgerEvent,
    LedgerStatus,
    ValidatorInfo,
    VerifiedValue,
)


class LedgerClient:
    """Talks to the validators at `addresses` (`"http://127.0.0.1:26601"`), trusting only `genesis`.

    `genesis` is the parsed genesis JSON (or its bytes or path is read by `LedgerClient.from_home`). Validators
    are tried in turn, those that answered last first; a dead one costs one short connect timeout, then is
    tried last for a while. Every answer is verified against the genesis validators before it is returned.
    Raises `TxRejected`, `LedgerUnavailable`, `ProofInvalid`, `NotFound`.
    """

    def __init__(self, addresses: Sequence[str], genesis: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def submit(self, wire: bytes) -> str:
        """Hand `wire` to a validator's mempool; returns the transaction hash (upper-case hex), not yet committed.

        Raises TxRejected when the rules refuse it and LedgerUnavailable when no validator takes it. The same
        bytes again are accepted, whether waiting or committed.
        """
        raise NotImplementedError

    def commit(self, wire: bytes, timeout_s: float = 10.0) -> CommittedTx:
        """Submit `wire` and wait until it is in a block whose commit and inclusion proof verify.

        Raises TxRejected, or LedgerUnavailable when no quorum commits within `timeout_s` (it may still
        commit later; the same bytes again return the same result).
        """
        raise NotImplementedError

    def events_since(self, cursor: Cursor, limit: int = 500, wait_s: float = 0.0) -> list[LedgerEvent]:
        """Committed transactions strictly after `cursor`, in ledger order, at most `limit`.

        Waits up to `wait_s` seconds for the first one. Headers are checked to be an unbroken chain from
        `cursor`, so no validator can leave one out. An empty list means nothing new.
        """
        raise NotImplementedError

    def query(self, key: str, min_height: int = 0) -> VerifiedValue:
        """The proven state under `key` (such as `"consent/<id>"`): present or absent.

        `min_height` is the lowest block whose effects the answer must include (a `CommittedTx.height`); the
        client waits shortly for it.
        """
        raise NotImplementedError

    def proof_bundle(self, tx_hash: str) -> dict[str, Any]:
        """JSON that anyone can check without us: header, commit, validators, transaction, inclusion proof.

        Raises NotFound when no block holds the transaction.
        """
        raise NotImplementedError

    def status(self) -> LedgerStatus:
        """Height, time and how many validators answer. Never raises because validators are down."""
        raise NotImplementedError

    def validators(self) -> list[ValidatorInfo]:
        """The validators of the genesis, and which of them answer now."""
        raise NotImplementedError

    def blocks(self, before: int | None = None, limit: int = 20) -> list[BlockSummary]:
        """The newest blocks below height `before` (or of all), newest first, chained to a verified commit."""
        raise NotImplementedError

    def block(self, height: int) -> BlockDetail:
        """One verified block with its transactions. Raises NotFound beyond the chain's end."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the kept-alive connections."""
        raise NotImplementedError
