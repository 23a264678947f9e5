"""What a sender hears about a submission that was taken (FHIR R4 section 3.1.0.11)."""

from typing import Any

from interop.fhir.outcome import Issue, operation_outcome
from interop.services.ingest import IngestResult, Taken

_AWAITING = "held encrypted until the patient has set up keys; it goes on the ledger then"


def bundle_response(result: IngestResult) -> dict[str, Any]:
    """The transaction-response or batch-response, entry by entry as sent."""
    taken = {found.place: found for found in result.taken}
    refused = dict(result.refused)
    entries = [_taken(taken[p]) if p in taken else _refused(refused[p]) for p in result.order]
    kind = "batch-response" if result.kind == "batch" else "transaction-response"
    return {"resourceType": "Bundle", "type": kind, "entry": [{"response": entry} for entry in entries]}


def information(result: IngestResult) -> dict[str, Any]:
    """An OperationOutcome that says how many records hold what was sent, and whether they wait for a key."""
    said = f"{len(result.taken)} resources in {result.records} records"
    if "awaiting_key" in result.states:
        said = f"{said}; {_AWAITING}"
    return operation_outcome([Issue("informational", said, severity="information")])


def _taken(found: Taken) -> dict[str, Any]:
    return {
        "status": "201 Created" if found.new else "200 OK",
        "location": f"{found.reference}/_history/1",
        "etag": 'W/"1"',
    }


def _refused(issues: tuple[Issue, ...]) -> dict[str, Any]:
    return {"status": "422 Unprocessable Entity", "outcome": operation_outcome(issues)}
