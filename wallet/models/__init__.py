"""Rows of the wallet. Other apps are named by plain ids; what mirrors the ledger says so."""

from wallet.models.access import AccessRequest, Grant, GrantWrap, ServedAccess
from wallet.models.feed import FeedEntry, FeedHead, Outbox, RateWindow
from wallet.models.keys import ClinicianDevice, CustodialBundle, OrganisationKeys, PairwiseDid
from wallet.models.mirror import AccessEvent, Consent, Cursor
from wallet.models.people import Patient, PatientIdentifier
from wallet.models.records import PendingSeal, Record

__all__ = [
    "AccessEvent",
    "AccessRequest",
    "ClinicianDevice",
    "Consent",
    "Cursor",
    "CustodialBundle",
    "FeedEntry",
    "FeedHead",
    "Grant",
    "GrantWrap",
    "OrganisationKeys",
    "Outbox",
    "PairwiseDid",
    "Patient",
    "PatientIdentifier",
    "PendingSeal",
    "RateWindow",
    "Record",
    "ServedAccess",
]
