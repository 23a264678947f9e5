"""The application state of the genesis that tests of a single node share."""

from typing import Any

import msgspec

from ledger.api import b64u_encode, did_of, keyset_from_json, next_commitment, public_key_of

SEED = b"Regional Health Authority".ljust(32, b".")
_KEYSET = keyset_from_json(
    {
        "keys": [{"id": "#key-1", "type": "Ed25519", "public": b64u_encode(public_key_of(SEED))}],
        "sealing": [],
        "next": next_commitment(public_key_of(SEED[::-1])),
    }
)
APP_STATE: dict[str, Any] = {
    "authority": {
        "did": did_of(_KEYSET),
        "keyset": msgspec.to_builtins(_KEYSET),
        "name": "Regional Health Authority",
    },
    "version": 1,
}
