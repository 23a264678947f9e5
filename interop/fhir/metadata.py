"""The CapabilityStatement, made from the tables that the face itself works by (FHIR R4 section 5.1)."""

from typing import Any

from interop.fhir.parse import BUNDLE_TYPES
from interop.fhir.search import SEARCHES
from interop.fhir.types import ACCEPTED

RELEASED = "2026-11-23"
_SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_OAUTH = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


def capability_statement(base_url: str, token_url: str) -> dict[str, Any]:
    """What this server does. `base_url` is the FHIR base without a slash at its end."""
    system = [{"code": kind} for kind in BUNDLE_TYPES if kind in ("transaction", "batch")]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": RELEASED,
        "kind": "instance",
        "software": {"name": "Salus"},
        "implementation": {"description": "Records in; claims out under a consent", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(token_url),
                "resource": [_resource(name) for name in sorted(ACCEPTED)],
                "interaction": system,
            }
        ],
    }


def _security(token_url: str) -> dict[str, Any]:
    urls = {"url": _OAUTH, "extension": [{"url": "token", "valueUri": token_url}]}
    return {
        "extension": [urls],
        "cors": False,
        "service": [{"coding": [{"system": _SECURITY, "code": "SMART-on-FHIR"}]}],
        "description": "Bearer tokens of five minutes by client credentials; claims only under a consent.",
    }


def _resource(name: str) -> dict[str, Any]:
    interactions = [{"code": "create"}]
    if name not in SEARCHES:
        return {"type": name, "interaction": interactions}
    parameters = [{"name": parameter, "type": kind} for parameter, kind in SEARCHES[name].items()]
    return {"type": name, "interaction": [*interactions, {"code": "search-type"}], "searchParam": parameters}
