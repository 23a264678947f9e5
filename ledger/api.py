"""The ledger's door: everything another app may use. No Django.

Canonical JSON and hashes, transactions and their signing, and `LedgerClient`, which reaches the validators.
"""

from ledger.client.client import LedgerClient
from ledger.client.errors import LedgerError, LedgerUnavailable, NotFound, ProofInvalid, TxRejected
from ledger.client.types import (
    BlockDetail,
    BlockSummary,
    BlockTx,
    CommittedTx,
    Cursor,
    LedgerEvent,
    LedgerStatus,
    ValidatorInfo,
    VerifiedValue,
)
from ledger.node.devnet import DevnetNode, devnet_nodes, init_devnet
from ledger.types import canonical
from ledger.types.canonical import CanonicalError, b64u_decode, b64u_encode, tagged_hash

__all__ = [
    "BlockDetail",
    "BlockSummary",
    "BlockTx",
    "CanonicalError",
    "CommittedTx",
    "Cursor",
    "DevnetNode",
    "LedgerClient",
    "LedgerError",
    "LedgerEvent",
    "LedgerStatus",
    "LedgerUnavailable",
    "NotFound",
    "ProofInvalid",
    "TxRejected",
    "ValidatorInfo",
    "VerifiedValue",
    "b64u_decode",
    "b64u_encode",
    "canonical",
    "devnet_nodes",
    "init_devnet",
    "tagged_hash",
]
