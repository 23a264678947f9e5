"""The FHIR R4 face: records in, claims out under a consent."""

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict

from interop.fhir.answers import bundle_response, information
from interop.fhir.http import body_of, fhir_response, fhir_view
from interop.fhir.metadata import capability_statement
from interop.fhir.outcome import refuse
from interop.fhir.parse import Limits
from interop.fhir.search import SEARCHES, query_from, searchset
from interop.fhir.types import ACCEPTED
from interop.services.claims import claims_read
from interop.services.ingest import ingest_fhir
from interop.smart.bearer import caller_of
from interop.smart.views import token_url


def base_url() -> str:
    return f"{settings.SALUS_PUBLIC_URL}/fhir"


def how_to_ask() -> str:
    return f"Ask the patient for consent, by their patient code, at {settings.SALUS_PUBLIC_URL}/insurer/."


@fhir_view
def metadata(request: HttpRequest) -> HttpResponse:
    """GET /fhir/metadata: open to anyone."""
    _check_method(request, "GET")
    response = fhir_response(capability_statement(base_url(), token_url()))
    etag = f'W/"{hashlib.sha256(response.content).hexdigest()[:16]}"'
    if request.headers.get("If-None-Match") == etag:
        response = HttpResponse(status=304)
    response["ETag"] = etag
    return response


@fhir_view
def smart_configuration(request: HttpRequest) -> HttpResponse:
    """GET /fhir/.well-known/smart-configuration (SMART App Launch 2.2, backend services)."""
    _check_method(request, "GET")
    document = {
        "token_endpoint": token_url(),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": [
            "private_key_jwt",
            "client_secret_basic",
            "client_secret_post",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["EdDSA"],
        "capabilities": ["client-confidential-asymmetric", "client-confidential-symmetric", "permission-v2"],
    }
    response = fhir_response(document)
    response["Content-Type"] = "application/json"
    return response


@fhir_view
def root(request: HttpRequest) -> HttpResponse:
    """POST /fhir/: a transaction or batch, whole or not at all (a batch: entry by entry)."""
    _check_method(request, "POST")
    caller = caller_of(request, "*", "c")
    data = body_of(request, Limits().size)
    result = ingest_fhir(
        organisation_id=caller.organisation_id,
        data=data,
        patient_code=request.GET.get("patient"),
        kinds=("transaction", "batch"),
    )
    return fhir_response(bundle_response(result))


@fhir_view
def resource_type(request: HttpRequest, name: str) -> HttpResponse:
    """POST /fhir/<Type>: create. GET /fhir/<Type>: search, where there is one."""
    if name not in ACCEPTED:
        raise refuse("not-supported", "this resource type is not served here", status=404)
    if request.method == "POST":
        return _create(request, name)
    _check_method(request, "GET")
    return _search(request, name, request.GET)


@fhir_view
def search_by_post(request: HttpRequest, name: str) -> HttpResponse:
    """POST /fhir/<Type>/_search: the same search, with its parameters in a form."""
    _check_method(request, "POST")
    return _search(request, name, request.POST)


def _create(request: HttpRequest, name: str) -> HttpResponse:
    caller = caller_of(request, name, "c")
    result = ingest_fhir(
        organisation_id=caller.organisation_id,
        data=body_of(request, Limits().size),
        patient_code=request.GET.get("patient"),
        kinds=("single",),
        resource_type=name,
    )
    made = result.taken[0]
    response = fhir_response(information(result), 201 if made.new else 200)
    response["Location"] = f"{base_url()}/{made.reference}/_history/1"
    response["ETag"] = 'W/"1"'
    return response


def _search(request: HttpRequest, name: str, parameters: QueryDict) -> HttpResponse:
    caller = caller_of(request, name, "s")
    if name not in SEARCHES:
        raise refuse("not-supported", "this type cannot be searched here", status=404)
    query = query_from(name, [(key, value) for key, values in parameters.lists() for value in values])
    resources = claims_read(
        organisation_id=caller.organisation_id,
        patient=query.patient,
        resource_type=name,
        how_to_ask=how_to_ask(),
    )
    # Our own page reads on its person's host, and its session does not reach another one.
    base = base_url() if "Authorization" in request.headers else request.build_absolute_uri("/fhir")
    return fhir_response(searchset(query, resources, base))


def _check_method(request: HttpRequest, method: str) -> None:
    if request.method != method:
        raise refuse("not-supported", f"expected {method}", status=405)
