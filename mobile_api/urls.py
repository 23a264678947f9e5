"""Pages, JSON and shell of the people's side. Ids in paths are opaque; no path names a person."""

from django.urls import path

import mobile_api.paths  # noqa: F401  (the converters that the routes name)
from mobile_api import shared_endpoints, shell
from mobile_api.clinician import endpoints as clinician
from mobile_api.clinician import pages as clinician_pages
from mobile_api.insurer import pages as insurer_pages
from mobile_api.patient import endpoints as patient
from mobile_api.patient import pages as patient_pages

app_name = "mobile_api"

shell_urls = [
    path("manifest.webmanifest", shell.manifest, name="manifest"),
    path("sw.js", shell.service_worker, name="service-worker"),
    path("i18n/catalog.json", shell.Catalog.as_view(), name="catalog"),
    path("offline/", shell.offline, name="offline"),
]
page_urls = [
    path("patient/", patient_pages.home, name="patient-home"),
    path("patient/set-up/", patient_pages.set_up, name="patient-set-up"),
    path("patient/requests/<opaque:request_id>/", patient_pages.request_page, name="patient-request"),
    path("patient/records/<uuid:record_id>/", patient_pages.record_page, name="patient-record"),
    path("patient/looked/", patient_pages.looked, name="patient-looked"),
    path("patient/settings/", patient_pages.settings_page, name="patient-settings"),
    path("clinician/", clinician_pages.home, name="clinician-home"),
    path("clinician/device/", clinician_pages.device, name="clinician-device"),
    path("clinician/requests/<opaque:request_id>/", clinician_pages.request_page, name="clinician-request"),
    path("insurer/", insurer_pages.home, name="insurer-home"),
    path("insurer/requests/", insurer_pages.ask, name="insurer-ask"),
    path("insurer/claims/<code:patient_code>/", insurer_pages.claims, name="insurer-claims"),
]
json_urls = [
    path("api/patient/profile", patient.profile),
    path("api/patient/dids", patient.register_dids),
    path("api/patient/pin", patient.set_pin),
    path("api/patient/emergency", patient.set_emergency_choice),
    path("api/patient/records", patient.records),
    path("api/patient/records/new", patient.new_records),
    path("api/patient/records/acknowledge", patient.acknowledge),
    path("api/patient/records/acknowledge-custodial", patient.acknowledge_custodial),
    path("api/patient/records/dispute", patient.dispute),
    path("api/patient/records/<record:record_id>/open", patient.open_own),
    path("api/patient/records/<record:record_id>/open-custodial", patient.open_own_custodial),
    path("api/patient/requests/<opaque:request_id>", patient.request_detail),
    path("api/patient/requests/<opaque:request_id>/preview", patient.preview),
    path("api/patient/requests/<opaque:request_id>/approve", patient.approve),
    path("api/patient/requests/<opaque:request_id>/approve-custodial", patient.approve_custodial),
    path("api/patient/requests/<opaque:request_id>/refuse", patient.refuse),
    path("api/patient/consents", patient.consents),
    path("api/patient/consents/revoke", patient.revoke),
    path("api/patient/consents/revoke-custodial", patient.revoke_custodial),
    path("api/patient/looked", patient.looked),
    path("api/clinician/devices", clinician.devices),
    path("api/clinician/devices/challenge", clinician.device_challenge),
    path("api/clinician/devices/register", clinician.device_register),
    path("api/clinician/requests", clinician.requests),
    path("api/clinician/requests/create", clinician.request_create),
    path("api/clinician/requests/<opaque:request_id>/withdraw", clinician.request_withdraw),
    path("api/clinician/consents/<opaque:consent_id>/grant", clinician.grant),
    path("api/clinician/open", clinician.open_records),
    path("api/proofs/<tx:tx_hash>", shared_endpoints.proof),
    path("api/ledger/<int:source>/light-block", shared_endpoints.light_block),
    path("api/ledger/consents/<opaque:consent_id>", shared_endpoints.consent_state),
    path("api/ledger/checkpoint", shared_endpoints.checkpoint),
    path("api/records/<record:record_id>/manifest", shared_endpoints.manifest),
    path("api/records/<record:record_id>/ciphertext", shared_endpoints.ciphertext),
    path("api/push/subscribe", shared_endpoints.push_subscribe),
    path("api/push/unsubscribe", shared_endpoints.push_unsubscribe),
]
urlpatterns = [*shell_urls, *page_urls, *json_urls]
