"""That a transaction is in a block, shown by the block's header alone.

Rules
- The leaf under `data_hash` is the SHA-256 of the transaction's wire bytes.
- Inclusion proves presence in that block. It never proves absence anywhere: for that, prove state.
"""

from ledger.light.verdict import SUCCESS, Verdict, invalid
from ledger.types import merkle
from ledger.types.block import Header
from ledger.types.ids import sha256


def verify_inclusion(header: Header, tx: bytes, proof: merkle.Proof) -> Verdict:
    """Whether `tx` stands at `proof.index` of the block with this header, which must be trusted already."""
    if not merkle.verify(header.data_hash, sha256(tx), proof):
        return invalid("inclusion", "the proof does not lead from this transaction to the header's data_hash")
    return SUCCESS
