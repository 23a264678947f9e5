"""What executing a block's transactions came to, and how the next header commits to it.

Rules (CometBFT v0.38)
- Only code, data and gas of a result are deterministic and hashed; logs, events and info are not.
- `last_results_hash` is the RFC 6962 root over the results in the order of their transactions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ledger.types import merkle, proto


@dataclass(frozen=True, slots=True)
class ExecTxResult:
    """The deterministic part of a transaction's result; code 0 is success."""

    code: int = 0
    data: bytes = b""
    gas_wanted: int = 0
    gas_used: int = 0

    def encode(self) -> bytes:
        """tendermint.abci.ExecTxResult, stripped to what is deterministic."""
        return b"".join(
            (
                proto.integer(1, self.code),
                proto.data(2, self.data),
                proto.integer(5, self.gas_wanted),
                proto.integer(6, self.gas_used),
            )
        )


def results_hash(results: Iterable[ExecTxResult]) -> bytes:
    """The `last_results_hash` of the header after the block with these results."""
    encoded = [_encoded(result) for result in results]
    if len(set(encoded)) == 1:
        return _root_of_equal(len(encoded), encoded[0])
    return merkle.root(encoded)


@lru_cache(maxsize=4096)
def _root_of_equal(count: int, leaf: bytes) -> bytes:
    """The root over `count` equal leaves: in nearly every block all transactions succeed."""
    return merkle.root([leaf] * count)


@lru_cache(maxsize=256)
def _encoded(result: ExecTxResult) -> bytes:
    """Nearly all results are the same one: success."""
    return result.encode()
