"""Requests for access: asked, refused, withdrawn."""

import uuid

from wallet.shapes import RequestView


def request_create(*, person_id: uuid.UUID, document: bytes, signature: str) -> RequestView:
    """Take a clinician's signed request (docs/formats.md section 4) and ring the patient.

    `document`: the canonical bytes; `signature`: b64u64 by the device's did:key. Checks the signature, that the
    requester is a registered device of this person with its credential and sealing key, fresh id, nonce and
    access key, times (`created_at` within 5 minutes of now, `expires_at` at most 24 h later).
    Raises Invalid, NotFound (the patient code), Refused (device not registered, id or key used), RateLimited.
    """
    raise NotImplementedError


def request_refuse(*, person_id: uuid.UUID, request_id: str) -> RequestView:
    """The patient says no; the requester's feed says `request.refused`."""
    raise NotImplementedError


def request_withdraw(*, person_id: uuid.UUID, request_id: str) -> RequestView:
    """The requester takes the request back before it is answered."""
    raise NotImplementedError
