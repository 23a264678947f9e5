"""Small submissions of our own for the tests: Li Mei at Riverside General."""

import json
from typing import Any

SOURCE = "did:salus:uRiversideGeneral"
MRN = ("https://riverside.example/ids/mrn", "18101806")
PATIENT_URN = "urn:uuid:8f14e45f-ceea-4e7a-9c1d-0f6b2a6f0001"
VISIT_URN = "urn:uuid:8f14e45f-ceea-4e7a-9c1d-0f6b2a6f0002"


def patient(**fields: Any) -> dict[str, Any]:
    identifier = [{"system": MRN[0], "value": MRN[1]}]
    return {"resourceType": "Patient", "identifier": identifier, "name": [{"text": "Li Mei"}]} | fields


def observation(**fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": PATIENT_URN},
        "effectiveDateTime": "2026-03-01",
    } | fields


def encounter(**fields: Any) -> dict[str, Any]:
    visit = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": visit,
        "subject": {"reference": PATIENT_URN},
        "period": {"start": "2026-03-01", "end": "2026-03-02"},
    } | fields


def claim(**fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Claim",
        "id": "claim-1",
        "status": "active",
        "type": {"text": "professional"},
        "use": "claim",
        "patient": {"reference": PATIENT_URN},
        "created": "2026-03-02",
        "provider": {"display": "Riverside General"},
        "priority": {"text": "normal"},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "Evergreen Mutual"}}],
        "diagnosis": [{"sequence": 1, "diagnosisCodeableConcept": {"text": "hypertension"}}],
        "total": {"value": 12, "currency": "CNY"},
    } | fields


def bundle(*resources: dict[str, Any], kind: str = "transaction", urls: Any = None) -> dict[str, Any]:
    """A Bundle of these; `urls` gives fullUrls by index (the first is Li Mei's by default)."""
    full_urls = {0: PATIENT_URN} if urls is None else urls
    entries = []
    for i, resource in enumerate(resources):
        entry: dict[str, Any] = {"fullUrl": full_urls[i]} if i in full_urls else {}
        entry["resource"] = resource
        if kind in ("transaction", "batch"):
            entry["request"] = {"method": "POST", "url": resource["resourceType"]}
        entries.append(entry)
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def text(value: Any) -> bytes:
    return json.dumps(value).encode()
