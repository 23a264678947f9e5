"""Approval: a signed consent and its grant pack become a grant on its way to the ledger."""

import uuid
from collections.abc import Sequence
from typing import Any

from wallet.shapes import ConsentPreview, ConsentView, Narrowing


def request_approve_self_held(
    *, person_id: uuid.UUID, request_id: str, wires: Sequence[bytes], pack: dict[str, Any]
) -> ConsentView:
    """Take a phone's approval: `wires` ends with its signed `ConsentGranted`, `pack` is the grant pack.

    A `DidRegistered` for the requester's organisation goes before it when the patient has no DID there yet.
    Verifies all that a server can: signatures, ledger and times; artefact, requester, organisation and handle
    commitments; that the artefact is the request or narrower; that the wraps cover exactly the artefact's
    records, which are this patient's and anchored. Grant and outbox are saved in one transaction.
    The same approval again returns the same consent. Raises Invalid, Refused (answered, expired), NotFound.
    """
    raise NotImplementedError


def request_preview_custodial(
    *, person_id: uuid.UUID, request_id: str, narrowing: Narrowing, locale: str
) -> ConsentPreview:
    """The artefact and exact text that an approval with this narrowing would sign. Nothing is stored."""
    raise NotImplementedError


def request_approve_custodial(
    *, person_id: uuid.UUID, request_id: str, pin: str, narrowing: Narrowing, locale: str
) -> ConsentView:
    """Sign the consent for a custodial patient with keys that the PIN unwraps for this call only.

    Raises WrongFactor, FactorLocked, Invalid (the narrowing is wider than the request), Refused, NotFound.
    """
    raise NotImplementedError
