"""The bedside pages: this device, asking, waiting, reading. What is read is decrypted in the browser only."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.api import Person, Role
from mobile_api.guards import page, person_of
from mobile_api.trust import ledger_trust
from mobile_api.words import PURPOSES, TYPES, dictionary
from wallet import api as wallet

PATIENT_CARE = ("TREAT", "ETREAT", "CAREMGT")
ASKABLE = (
    "Condition",
    "AllergyIntolerance",
    "MedicationRequest",
    "Observation",
    "DiagnosticReport",
    "Encounter",
    "Immunization",
    "Procedure",
    "ImagingStudy",
    "DocumentReference",
    "Patient",
)


def presets() -> list[dict[str, Any]]:
    """Two taps for the three usual cases; `days`: how far back, None for all."""
    return [
        {
            "id": "ward",
            "name": _("Ward round"),
            "about": _("all usual records · 8 hours"),
            "purpose": "TREAT",
            "types": list(ASKABLE),
            "days": None,
            "duration_s": 8 * 3600,
        },
        {
            "id": "consultation",
            "name": _("Consultation"),
            "about": _("last two years · 1 hour"),
            "purpose": "TREAT",
            "types": list(ASKABLE),
            "days": 730,
            "duration_s": 3600,
        },
        {
            "id": "emergency",
            "name": _("Emergency"),
            "about": _("all usual records · 4 hours"),
            "purpose": "ETREAT",
            "types": list(ASKABLE),
            "days": None,
            "duration_s": 4 * 3600,
        },
    ]


def page_settings(person: Person) -> dict[str, Any]:
    """What the bedside's scripts need to know."""
    organisation = person.organisation
    return {
        "person": str(person.id),
        "name": person.name,
        "role": person.title or "clinician",
        "organisation": organisation.did if organisation else "",
        "ledger": (trust := ledger_trust()) and trust["chain_id"],
        "trust": trust,
        "words": dictionary(),
    }


@page(Role.CLINICIAN)
def home(request: HttpRequest) -> HttpResponseBase:
    """Ask for a record, and the requests that are open. A new device first gets its credential."""
    person = person_of(request)
    if not any(d.state == "registered" for d in wallet.clinician_devices(person_id=person.id)):
        return redirect("mobile_api:clinician-device")
    consents = {c.request_id: c for c in wallet.consents_for_requester(person_id=person.id)}
    asked = wallet.requests_for_requester(person_id=person.id)[:20]
    ready = presets()
    context = {
        "presets": ready,
        "types": [(code, TYPES[code]) for code in ASKABLE],
        "purposes": [(code, PURPOSES[code]) for code in PATIENT_CARE],
        "asked": [(r, consents.get(r.request_id)) for r in asked],
        "config": page_settings(person) | {"presets": ready},
    }
    return render(request, "clinician/home.html", context)


@page(Role.CLINICIAN)
def device(request: HttpRequest) -> HttpResponseBase:
    """Make this device's keys and get the hospital's credential for them."""
    person = person_of(request)
    devices = wallet.clinician_devices(person_id=person.id)
    return render(request, "clinician/device.html", {"devices": devices, "config": page_settings(person)})


@page(Role.CLINICIAN)
def request_page(request: HttpRequest, request_id: str) -> HttpResponseBase:
    """Waiting for the answer, then the record: it opens by itself."""
    person = person_of(request)
    mine = {r.request_id: r for r in wallet.requests_for_requester(person_id=person.id)}
    asked = mine.get(request_id)
    if asked is None:
        raise Http404
    config = page_settings(person) | {"request": request_id}
    return render(request, "clinician/request.html", {"asked": asked, "config": config})
