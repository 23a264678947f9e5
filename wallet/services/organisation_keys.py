"""Using an organisation's keys: unwrapped for one call, in the one process that is its gateway."""

import uuid
from dataclasses import dataclass, field
from typing import Any, TypeVar

from accounts.api import Organisation, organisation_by_id
from wallet import ports
from wallet.core.envelope import SealingKey
from wallet.core.suites import HYBRID
from wallet.errors import KeyUnavailable, NotFound
from wallet.models import OrganisationKeys
from wallet.wires import header, sign

SIGNING_ID, ISSUER_ID, SEALING_ID = "#key-1", "#issuer-1", "#seal-1"
B = TypeVar("B")


@dataclass(frozen=True)
class OpenKeys:
    """An organisation's unwrapped seeds; keep no longer than the call that needs them."""

    did: str
    signing: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    sealing: SealingKey

    def sign_body(self, body: type[B], now: int, **fields: Any) -> bytes:
        """Wire bytes of a transaction of the organisation's."""
        return sign(body(**header(self.did, now), **fields), SIGNING_ID, self.signing)  # type: ignore[arg-type]


def organisation_or_refuse(organisation_id: uuid.UUID) -> Organisation:
    """The organisation of accounts. Raises NotFound."""
    organisation = organisation_by_id(organisation_id)
    if organisation is None:
        raise NotFound("There is no such organisation.")
    return organisation


def wrapping_aad(organisation_id: uuid.UUID, use: str) -> bytes:
    """What binds a wrapped seed to its row and use."""
    return f"organisation/{organisation_id}/{use}".encode()


def keys_row(organisation_id: uuid.UUID) -> OrganisationKeys:
    """The organisation's keys as stored. Raises KeyUnavailable when it has none."""
    row = OrganisationKeys.objects.filter(organisation_id=organisation_id).first()
    if row is None:
        raise KeyUnavailable("This organisation has no keys yet.", next="Register it on the ledger first.")
    return row


def open_keys(organisation_id: uuid.UUID) -> OpenKeys:
    """Unwrap the organisation's keys. Raises KeyUnavailable unless this process is its gateway."""
    served = ports.gateways()
    if served and organisation_or_refuse(organisation_id).slug not in served:
        raise KeyUnavailable("This process is not the gateway of that organisation.")
    row, vault = keys_row(organisation_id), ports.vault()
    seeds = {
        use: vault.unwrap(bytes(getattr(row, use)), wrapping_aad(organisation_id, use))
        for use in ("signing", "issuer", "sealing")
    }
    sealing = SealingKey(id=SEALING_ID, suite=HYBRID, seed=seeds["sealing"])
    return OpenKeys(did=row.did, signing=seeds["signing"], issuer=seeds["issuer"], sealing=sealing)
