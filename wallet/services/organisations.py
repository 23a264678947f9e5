"""Organisations' keys and their registration on the ledger."""

import uuid

from wallet.shapes import OrganisationRef


def organisation_create(*, organisation_id: uuid.UUID) -> OrganisationRef:
    """Give the organisation of accounts its keys and register it through the authority; waits for the commit.

    Makes signing, credential-issuer, gateway-sealing and recovery keys, keeps them wrapped by the vault, signs
    `OrganisationRegistered` with the authority's key (SALUS_AUTHORITY_KEY_FILE) and sets the DID in accounts.
    Repeating it is harmless and finishes what was interrupted.
    Raises NotFound (no such organisation), KeyUnavailable (no authority key here), LedgerDown, Refused.
    """
    raise NotImplementedError
