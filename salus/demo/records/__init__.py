"""Believable histories of invented people: FHIR R4 Bundles and a CT series.

Pure: the same subject, source and day give the same bytes. Nothing here is anybody's record.
"""

from salus.demo.records.ct import ct_series
from salus.demo.records.history import hospital_bundle
from salus.demo.records.subject import DemoSource, Subject, member_identifier, mrn, subject_for

__all__ = [
    "DemoSource",
    "Subject",
    "ct_series",
    "hospital_bundle",
    "member_identifier",
    "mrn",
    "subject_for",
]
