"""Revocation: a signed `ConsentRevoked` closes the grant at once and for good."""

import uuid
from collections.abc import Sequence

from wallet.shapes import ConsentView


def consent_revoke_self_held(*, person_id: uuid.UUID, wire: bytes) -> ConsentView:
    """Take a phone's signed `ConsentRevoked`. No key is released from this call on, committed or not.

    Its wraps are deleted, later versions of its records get new keys, both sides' feeds say `consent.ended`.
    Raises Invalid, NotFound, Refused (already ended).
    """
    raise NotImplementedError


def consent_revoke_custodial(*, person_id: uuid.UUID, consents: Sequence[str], pin: str) -> list[ConsentView]:
    """Sign and queue the revocation of these consents with the PIN. Raises WrongFactor, FactorLocked, …"""
    raise NotImplementedError
