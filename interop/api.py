"""The door of interop: other people's formats in. Nothing below imports it; `salus` and its commands do."""

from interop.dicom.parse import DicomObject
from interop.fhir.outcome import Issue, Refused
from interop.services.ingest import IngestResult, Taken, ingest_dicom, ingest_fhir
from interop.smart.clients import ApiClientCredentials, api_client_create

__all__ = [
    "ApiClientCredentials",
    "DicomObject",
    "IngestResult",
    "Issue",
    "Refused",
    "Taken",
    "api_client_create",
    "ingest_dicom",
    "ingest_fhir",
]
