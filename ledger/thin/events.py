"""Which events a transaction has, as far as its own bytes tell. Pure.

Rules
- Events are under no hash. But a transaction of code 0 did what its body says (a block that holds a failing
  one is refused by the validators), so nearly every event follows from the body: what follows is proven.
- Two kinds depend on the state before as well: an opening (whose record, for the how-many-eth time) and a
  vote (whether it decided). Of these the body tells only which events are possible.
- That the table below says what the ledger's rules do is tested with every kind of transaction.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ledger.machine.results import Event
from ledger.types import tx
from ledger.types.canonical import b64u_decode
from ledger.types.ids import address_of
from ledger.types.rpc_json import hex_text
from ledger.types.tx_errors import Rejected

_FOLLOWING: Mapping[type, tuple[str, tuple[str, ...]]] = {
    tx.DidRegistered: ("did_registered", ("did", "custody")),
    tx.DidRotated: ("did_rotated", ("did", "seq", "custody")),
    tx.OrganisationRegistered: ("organisation_registered", ("did", "kind")),
    tx.ClinicianRegistered: ("clinician_registered", ("credential",)),
    tx.ClinicianRevoked: ("clinician_revoked", ("credential",)),
    tx.RecordAnchored: ("record_anchored", ("anchor", "subject")),
    tx.RecordAcknowledged: ("records_acknowledged", ("subject", "anchors")),
    tx.RecordAudited: ("record_audited", ("anchor", "outcome")),
    tx.ConsentGranted: ("consent_granted", ("consent", "subject", "custody")),
    tx.ConsentRevoked: ("consent_revoked", ("consent", "subject")),
    tx.GovernanceProposed: ("governance_proposed", ("proposal",)),
    tx.CheckpointRequested: ("checkpoint", ()),
    tx.CandidacyRenewed: ("candidacy_renewed", ("address",)),
}
"""The event that follows from each type of body: its type and its attributes, named as the body's fields."""

_TOLD_OTHERWISE: Mapping[str, Callable[[Any], str]] = {
    "anchors": lambda body: str(len(body.anchors)),
    "address": lambda body: hex_text(address_of(b64u_decode(body.public, 32))),
}
"""Attributes that are no field of the body, but follow from some."""

_OPENED = ("consent", "subject", "handles", "opens")
_VOTED = ("governance_voted", "governance_accepted", "governance_void")


def events_following(wire: bytes, code: int) -> tuple[Event, ...] | None:
    """The events of a transaction with this proven code; None when they depend on more than its bytes."""
    if code:
        return ()
    body = _body(wire)
    if (following := _FOLLOWING.get(type(body))) is None:
        return None
    name, attributes = following
    return (Event(name, tuple((each, _told(body, each)) for each in attributes)),)


def events_possible(wire: bytes, events: tuple[Event, ...]) -> bool:
    """Whether a transaction whose events depend on more than its bytes may have had these."""
    body = _body(wire)
    if isinstance(body, tx.AccessOpened):
        said = dict(events[0].attributes) if events else {}
        known = {"consent": body.consent, "handles": str(len(body.handles))}
        opened = tuple((each, known.get(each) or said.get(each, "")) for each in _OPENED)
        return events == (Event("access_opened", opened),)
    if isinstance(body, tx.GovernanceVoted):
        return events in {(Event(name, (("proposal", body.proposal),)),) for name in _VOTED}
    return True


def _told(body: Any, attribute: str) -> str:
    otherwise = _TOLD_OTHERWISE.get(attribute)
    return str(getattr(body, attribute)) if otherwise is None else otherwise(body)


def _body(wire: bytes) -> tx.Body | None:
    try:
        return tx.decode_tx(wire).body
    except Rejected:
        return None
