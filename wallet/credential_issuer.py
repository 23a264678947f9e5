"""Issuing a clinician's credential through didkit: the only file that knows didkit.

didkit 0.3.3 is archived: it speaks VC 1.1, wants a running event loop and works on threads of its own. One of
those may still be letting go of its objects when the interpreter ends, which crashes the process at exit, so
importing this file registers a short pause there.
"""

import atexit
import json
from datetime import UTC, datetime, timedelta
from threading import Event

import didkit
from asgiref.sync import async_to_sync
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.api import b64u_encode
from wallet.core.did_key import KeyType, PublicKey, did_key, key_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXIT_PAUSE_S = 0.1
atexit.register(Event().wait, _EXIT_PAUSE_S)


def issuer_did(issuer_seed: bytes) -> str:
    """The did:key that credentials signed with this 32-byte Ed25519 seed name as `iss`."""
    return did_key(PublicKey(KeyType.ED25519, _public(issuer_seed)))


def issue_credential(
    *,
    issuer_seed: bytes,
    subject: str,
    name: str,
    role: str,
    organisation: str,
    valid_from: int,
    valid_until: int,
) -> str:
    """A VC 1.1 JWT (EdDSA) in which the hospital `organisation` (did:salus) vouches for clinician `subject`.

    `issuer_seed` is the 32-byte seed of an Ed25519 key of the hospital's DID; times are ms since 1970 UTC,
    cut to whole seconds. Not from inside a running event loop. Raises didkit.DIDKitException for bad input.
    """
    issuer = issuer_did(issuer_seed)
    credential = {
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "type": ["VerifiableCredential"],
        "issuer": issuer,
        "issuanceDate": _rfc3339(valid_from),
        "expirationDate": _rfc3339(valid_until),
        "credentialSubject": {"id": subject, "name": name, "role": role, "organisation": organisation},
    }
    options = {"proofFormat": "jwt", "proofPurpose": "assertionMethod", "verificationMethod": key_id(issuer)}
    return async_to_sync(_issue)(json.dumps(credential), json.dumps(options), json.dumps(_jwk(issuer_seed)))


async def _issue(credential: str, options: str, jwk: str) -> str:
    return str(await didkit.issue_credential(credential, options, jwk))


def _jwk(seed: bytes) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": b64u_encode(_public(seed)), "d": b64u_encode(seed)}


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _rfc3339(time_ms: int) -> str:
    return (_EPOCH + timedelta(seconds=time_ms // 1000)).strftime("%Y-%m-%dT%H:%M:%SZ")
