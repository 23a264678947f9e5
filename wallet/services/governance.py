"""Proposals and votes in an organisation's name, signed with its key of the ledger.

Rules
- The authority of the genesis signs with the key in SALUS_AUTHORITY_KEY_FILE; every other organisation with
  the key that its gateway keeps wrapped.
- What is signed lives exactly as long as votes are taken, and never longer than the ledger allows.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from accounts.api import organisation_by_slug
from ledger.api import Body
from wallet.errors import Invalid, NotFound
from wallet.services.organisation_keys import SIGNING_ID, open_keys
from wallet.services.organisations import authority_key
from wallet.wires import MAX_LIFE_MS, header, sign

B = TypeVar("B", bound=Body)


@dataclass(frozen=True)
class GovernanceSigner:
    """Who signs: DID, key id and seed; keep no longer than the command that needs it."""

    did: str
    key_id: str
    seed: bytes = field(repr=False)

    def body(self, kind: type[B], now: int, life_ms: int, **own: Any) -> B:
        """An unsigned body that is valid for `life_ms`. Raises Invalid when that is longer than a week."""
        if not 0 < life_ms <= MAX_LIFE_MS:
            raise Invalid(
                "The ledger takes votes for at most seven days.", next="Choose a shorter time to vote."
            )
        return kind(**header(self.did, now) | {"not_after": now + life_ms}, **own)

    def wire(self, body: Body) -> bytes:
        return sign(body, self.key_id, self.seed)


def governance_signer(*, slug: str | None) -> GovernanceSigner:
    """The signer of the organisation with this slug; None: of the authority.

    Raises NotFound (no such organisation), KeyUnavailable (its key is not in this process).
    """
    if slug is None:
        return GovernanceSigner(*authority_key())
    organisation = organisation_by_slug(slug)
    if organisation is None:
        raise NotFound(f"There is no organisation {slug!r} here.", next="Name one by its slug.")
    keys = open_keys(organisation.id)
    return GovernanceSigner(keys.did, SIGNING_ID, keys.signing)
