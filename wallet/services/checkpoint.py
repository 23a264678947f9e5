"""A fresh block on demand, so that a phone can tell an idle ledger from one that is withheld.

Rules
- An organisation whose gateway this process is asks in its own name: the ledger learns of no patient.
- The ledger takes one from each organisation in ten seconds. Within them the last one serves everybody, as
  its block is fresh enough.
- What the caller gets is a height, no proof: the phone fetches that header and verifies it itself.
"""

import uuid

from ledger.api import CheckpointRequested, TxRejected
from wallet import ports
from wallet.errors import KeyUnavailable
from wallet.models import OrganisationKeys
from wallet.models.keys import LedgerState
from wallet.services.limits import limit
from wallet.services.organisation_keys import SIGNING_ID, OpenKeys, open_keys
from wallet.translate import asking_ledger
from wallet.wires import header, sign

LEAST_PAUSE_MS = 10_000
LIFE_MS = 60_000
ASKS_PER_MINUTE = 10


def ledger_checkpoint(*, person_id: uuid.UUID) -> int:
    """The height of a header that is at most ten seconds old, made for this call unless there is one.

    Raises RateLimited, KeyUnavailable (no organisation's gateway here), LedgerDown.
    """
    limit(f"checkpoint:{person_id}", most=ASKS_PER_MINUTE)
    keys = _a_gateways_keys()
    with asking_ledger():
        last = ports.ledger().query(f"checkpoint/{keys.did}")
        if last.value is not None and ports.now_ms() - last.value["at"] < LEAST_PAUSE_MS:
            return last.height + 1
        try:
            height = ports.ledger().commit(_wire(keys)).height
        except TxRejected as refused:
            if refused.permanent:
                raise
            height = 0  # another process of ours was quicker by a moment: its block serves
        return ports.ledger().query(f"checkpoint/{keys.did}", min_height=height).height + 1


def _a_gateways_keys() -> OpenKeys:
    registered = OrganisationKeys.objects.filter(state=LedgerState.REGISTERED).order_by("organisation_id")
    for row in registered:
        try:
            return open_keys(row.organisation_id)
        except KeyUnavailable:
            continue  # that organisation's gateway is another process
    raise KeyUnavailable("No organisation that could ask for a block has its keys here.")


def _wire(keys: OpenKeys) -> bytes:
    now = ports.now_ms()
    body = CheckpointRequested(**header(keys.did, now) | {"not_after": now + LIFE_MS})
    return sign(body, SIGNING_ID, keys.signing)
