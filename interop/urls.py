"""Where other systems reach us: FHIR, DICOMweb, tokens; and the hospitals' desk."""

from django.urls import path

from interop.desk import views as desk
from interop.dicom import views as dicom
from interop.fhir import views as fhir
from interop.smart import views as smart

app_name = "interop"

urlpatterns = [
    path("fhir", fhir.root),
    path("fhir/", fhir.root, name="fhir-root"),
    path("fhir/metadata", fhir.metadata, name="fhir-metadata"),
    path("fhir/.well-known/smart-configuration", fhir.smart_configuration, name="smart-configuration"),
    path("fhir/<str:name>", fhir.resource_type, name="fhir-type"),
    path("fhir/<str:name>/_search", fhir.search_by_post, name="fhir-search"),
    path("dicomweb/studies", dicom.studies, name="stow"),
    path("dicomweb/studies/<str:study_uid>", dicom.studies, name="stow-study"),
    path("oauth/token", smart.token, name="oauth-token"),
    path("desk/", desk.home, name="desk"),
]
