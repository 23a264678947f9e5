"""Every transaction type: who signs it and what it does. Nothing outside this table runs."""

from collections.abc import Callable
from typing import Any

from ledger.machine.context import Context, Outcome
from ledger.machine.rules import (
    access,
    audit,
    candidacy,
    checkpoint,
    consent,
    contribution,
    governance,
    identity,
    organisation,
    record,
    replay,
)
from ledger.types import tx

Signer = Callable[[Context, Any, str], bytes]
"""(context, body, key id) -> the 32-byte public key whose signature the transaction needs."""
Transition = Callable[[Context, Any], Outcome]
"""(context, body) -> what changes; raises Rejected."""

RULES: dict[type, tuple[Signer, Transition]] = {
    tx.DidRegistered: (identity.registration_key, identity.register),
    tx.DidRotated: (identity.rotation_key, identity.rotate),
    tx.OrganisationRegistered: (identity.author_key, organisation.register),
    tx.ClinicianRegistered: (identity.author_key, organisation.register_clinician),
    tx.ClinicianRevoked: (identity.author_key, organisation.revoke_clinician),
    tx.RecordAnchored: (identity.author_key, record.anchor),
    tx.RecordAcknowledged: (identity.author_key, contribution.acknowledge),
    tx.RecordAudited: (identity.author_key, audit.audit),
    tx.ConsentGranted: (identity.author_key, consent.grant),
    tx.ConsentRevoked: (identity.author_key, consent.revoke),
    tx.AccessOpened: (access.access_key, access.open_records),
    tx.GovernanceProposed: (identity.author_key, governance.propose),
    tx.GovernanceVoted: (identity.author_key, governance.vote),
    tx.CheckpointRequested: (identity.author_key, checkpoint.request),
    tx.CandidacyRenewed: (candidacy.candidate_signer, candidacy.renew),
}


def required_key(context: Context, signed: tx.SignedTx) -> bytes:
    """The public key that must have signed, after the cheap rules that hold for all. Raises Rejected."""
    replay.check(context, signed.body)
    return RULES[type(signed.body)][0](context, signed.body, signed.key_id)


def outcome(context: Context, signed: tx.SignedTx) -> Outcome:
    """What a transaction with a good signature changes. Raises Rejected."""
    return RULES[type(signed.body)][1](context, signed.body)
