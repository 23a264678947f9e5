"""Revocation: a signed `ConsentRevoked` closes the grant at once and for good."""

import uuid

from django.db import transaction

from ledger.api import ConsentRevoked, keyset_from_json
from wallet import ports
from wallet.errors import Invalid, NotFound, Refused
from wallet.models import Grant, PairwiseDid
from wallet.outbox import outbox_queue
from wallet.services.grants import grant_end
from wallet.shapes import ConsentView
from wallet.shaping import consent_of
from wallet.wires import check_signed_by, decode


def consent_revoke_self_held(*, person_id: uuid.UUID, wire: bytes) -> ConsentView:
    """Take a phone's signed `ConsentRevoked`. No key is released from this call on, committed or not.

    Its wraps are deleted, later versions of its records get new keys, both sides' feeds say `consent.ended`.
    Raises Invalid, NotFound, Refused (already ended).
    """
    with transaction.atomic():
        return revocation_save(person_id, wire)


def revocation_save(person_id: uuid.UUID, wire: bytes) -> ConsentView:
    """Check a revocation and carry it out, in the caller's transaction."""
    body, signed = decode(wire, ConsentRevoked, ports.now_ms())
    grant = patient_grant(person_id, body.consent)
    did = PairwiseDid.objects.filter(did=grant.subject, patient_id=person_id).first()
    if did is None or not body.author == body.subject == grant.subject:
        raise Invalid("A consent is revoked under the DID that gave it.")
    check_signed_by(signed, keyset_from_json(did.keyset))
    if not grant_end(body.consent, Grant.State.REVOKED):
        raise Refused(f"This consent has ended already: {grant.state}.")
    outbox_queue(signed, subject=body.consent)
    grant.refresh_from_db()
    return consent_of(grant, ports.now_ms())


def patient_grant(person_id: uuid.UUID, consent_id: str) -> Grant:
    """A grant of this patient's. Raises NotFound, for another's as for none."""
    grants = Grant.objects.select_related("request")
    grant = grants.filter(consent_id=consent_id, patient_id=person_id).first()
    if grant is None:
        raise NotFound("There is no such consent.")
    return grant
