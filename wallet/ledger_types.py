"""What the wallet's services take from the ledger: transactions, key sets, handles, canonical bytes."""

from ledger.types.canonical import (
    CanonicalError,
    b64u_decode,
    b64u_encode,
    dumps,
    loads_canonical,
    tagged_hash,
)
from ledger.types.did import KeySet, check_keyset, did_of, keyset_from_json, next_commitment
from ledger.types.handles import HandleProof, handles_covered, prove_handles, wraps_hash
from ledger.types.signing import verify_ed25519
from ledger.types.tx import (
    AccessOpened,
    Body,
    ClinicianRegistered,
    ClinicianRevoked,
    ConsentGranted,
    ConsentRevoked,
    DidRegistered,
    OrganisationRegistered,
    RecordAnchored,
    SignedTx,
    decode_tx,
    sign_tx,
)
from ledger.types.tx_errors import Code, Rejected

__all__ = [
    "AccessOpened",
    "Body",
    "CanonicalError",
    "ClinicianRegistered",
    "ClinicianRevoked",
    "Code",
    "ConsentGranted",
    "ConsentRevoked",
    "DidRegistered",
    "HandleProof",
    "KeySet",
    "OrganisationRegistered",
    "RecordAnchored",
    "Rejected",
    "SignedTx",
    "b64u_decode",
    "b64u_encode",
    "check_keyset",
    "decode_tx",
    "did_of",
    "dumps",
    "handles_covered",
    "keyset_from_json",
    "loads_canonical",
    "next_commitment",
    "prove_handles",
    "sign_tx",
    "tagged_hash",
    "verify_ed25519",
    "wraps_hash",
]
