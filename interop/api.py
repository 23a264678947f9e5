"""The door of interop: other people's formats in. Nothing below imports it; `salus` and its commands do."""

from interop.dicom.parse import DicomObject
from interop.fhir.outcome import Issue, Refused
from interop.services.ingest import IngestResult, Taken, ingest_fhir
from interop.services.studies import DicomResult, Instance, ingest_dicom
from interop.smart.clients import ApiClientCredentials, api_client_create

__all__ = [
    "ApiClientCredentials",
    "DicomObject",
    "DicomResult",
    "IngestResult",
    "Instance",
    "Issue",
    "Refused",
    "Taken",
    "api_client_create",
    "ingest_dicom",
    "ingest_fhir",
]
