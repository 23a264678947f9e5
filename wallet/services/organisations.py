"""Organisations' keys and their registration on the ledger."""

import secrets
import uuid
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from nacl.signing import SigningKey

from accounts.api import Organisation, organisation_set_did
from ledger.api import (
    CanonicalError,
    OrganisationRegistered,
    b64u_decode,
    b64u_encode,
    did_of,
    keyset_from_json,
    next_commitment,
)
from wallet import ports
from wallet.core.did_key import KeyType, PublicKey, did_key
from wallet.core.suites import HYBRID, public_from_seed
from wallet.errors import KeyUnavailable, Refused
from wallet.models import OrganisationKeys
from wallet.models.keys import LedgerState
from wallet.outbox import outbox_queue
from wallet.services.organisation_keys import (
    ISSUER_ID,
    SEALING_ID,
    SIGNING_ID,
    organisation_or_refuse,
    wrapping_aad,
)
from wallet.shapes import OrganisationRef
from wallet.shaping import organisation_ref
from wallet.translate import asking_ledger
from wallet.wires import header, sign

USES = ("signing", "issuer", "sealing", "recovery")


def organisation_create(*, organisation_id: uuid.UUID) -> OrganisationRef:
    """Give the organisation of accounts its keys and register it through the authority; waits for the commit.

    Makes signing, credential-issuer, gateway-sealing and recovery keys, keeps them wrapped by the vault,
    signs `OrganisationRegistered` with the authority's key (SALUS_AUTHORITY_KEY_FILE) and sets the DID in
    accounts. Repeating it is harmless and finishes what was interrupted.
    Raises NotFound (no such organisation), KeyUnavailable (no authority key here), LedgerDown, Refused.
    """
    organisation = organisation_or_refuse(organisation_id)
    row = OrganisationKeys.objects.filter(organisation_id=organisation_id).first() or _make_keys(organisation)
    if row.state != LedgerState.REGISTERED:
        _register(organisation, row)
    organisation_set_did(organisation=organisation, did=row.did)
    return organisation_ref(organisation)


def _make_keys(organisation: Organisation) -> OrganisationKeys:
    seeds = {use: secrets.token_bytes(32) for use in USES}
    issuer = _public(seeds["issuer"])
    keyset = {
        "keys": [
            {"id": SIGNING_ID, "type": "Ed25519", "public": b64u_encode(_public(seeds["signing"]))},
            {"id": ISSUER_ID, "type": "Ed25519", "public": b64u_encode(issuer)},
        ],
        "sealing": [_sealing_key(seeds["sealing"])],
        "next": next_commitment(_public(seeds["recovery"])),
    }
    vault = ports.vault()
    wrapped = {use: vault.wrap(seed, wrapping_aad(organisation.id, use)) for use, seed in seeds.items()}
    return OrganisationKeys.objects.create(
        organisation_id=organisation.id,
        did=did_of(keyset_from_json(keyset)),
        keyset=keyset,
        issuer_did=did_key(PublicKey(KeyType.ED25519, issuer)),
        **wrapped,
    )


def _sealing_key(seed: bytes) -> dict[str, Any]:
    public = b64u_encode(public_from_seed(HYBRID, seed))
    return {"id": SEALING_ID, "suite": HYBRID, "public": public, "epoch": 1}


def _register(organisation: Organisation, row: OrganisationKeys) -> None:
    """Commit the registration, unless the ledger holds it already (an earlier call that was cut short)."""
    with asking_ledger():
        if ports.ledger().query(f"org/{row.did}").value is not None:
            return
    if organisation.kind not in ("hospital", "insurer", "regulator", "research"):
        raise Refused(f"The ledger knows no organisations of kind {organisation.kind}.")
    authority, key_id, seed = authority_key()
    body = OrganisationRegistered(
        **header(authority, ports.now_ms()),
        did=row.did,
        keyset=keyset_from_json(row.keyset),
        kind=cast(Any, organisation.kind),  # checked above
        name=organisation.name,
        region=organisation.region or "-",
    )
    wire = sign(body, key_id, seed)
    with transaction.atomic():
        outbox_queue(wire, subject=row.did)
    with asking_ledger():
        committed = ports.ledger().commit(wire)
    OrganisationKeys.objects.filter(pk=row.pk).update(
        state=LedgerState.REGISTERED, registration_tx=committed.tx_hash
    )


def authority_key() -> tuple[str, str, bytes]:
    """The authority's DID, the id of its key, and the key's seed, from the genesis and the key file."""
    named = ports.genesis()["app_state"]["authority"]
    try:
        seed = b64u_decode(Path(settings.SALUS_AUTHORITY_KEY_FILE).read_text().strip(), 32)
    except (OSError, CanonicalError) as error:
        raise KeyUnavailable(
            "The authority's key is not here.", next="Set SALUS_AUTHORITY_KEY_FILE where the authority runs."
        ) from error
    public = b64u_encode(_public(seed))
    for key in named["keyset"]["keys"]:
        if key["public"] == public:
            return named["did"], key["id"], seed
    raise KeyUnavailable("The key in SALUS_AUTHORITY_KEY_FILE is not the genesis authority's.")


def _public(seed: bytes) -> bytes:
    return bytes(SigningKey(seed).verify_key)
