"""`python -m salus.demo.genesis LEDGER_PORT`: make the validators' homes and the genesis, once."""

import secrets
import sys
from typing import Any

from nacl.signing import SigningKey

from ledger.api import b64u_decode, b64u_encode, did_of, init_devnet, keyset_from_json, next_commitment
from salus.demo.cast import AUTHORITY, VALIDATORS
from salus.demo.environment import demo_home

# Every demo is a ledger of its own: a phone that trusted one that was reset must not mistake the next for it.
CHAIN_ID_PREFIX = "salus-demo"


def authority_app_state(seed: bytes, recovery_public: bytes, name: str) -> dict[str, Any]:
    """The genesis' application state (docs/formats.md section 3); `seed` is the authority's signing key."""
    document = {
        "keys": [
            {"id": "#authority", "type": "Ed25519", "public": b64u_encode(bytes(SigningKey(seed).verify_key))}
        ],
        "sealing": [],
        "next": next_commitment(recovery_public),
    }
    return {
        "version": 1,
        "authority": {"did": did_of(keyset_from_json(document)), "keyset": document, "name": name},
    }


def main(base_port: int) -> None:
    home = demo_home()
    if (home / "ledger" / "genesis.json").exists():
        return
    keys = home / "keys"
    seed = b64u_decode((keys / "authority").read_text(), 32)
    recovery = SigningKey(b64u_decode((keys / "authority-recovery").read_text(), 32)).verify_key
    state = authority_app_state(seed, bytes(recovery), AUTHORITY.name)
    chain_id = f"{CHAIN_ID_PREFIX}-{secrets.token_hex(4)}"
    init_devnet(home / "ledger", VALIDATORS, state, chain_id, base_port)


if __name__ == "__main__":
    main(int(sys.argv[1]))
