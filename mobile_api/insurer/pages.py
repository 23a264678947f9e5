"""The insurer's desk: ask for a payment consent, see what became of it, read the claims it covers."""

import uuid

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from accounts.api import Organisation, Role
from mobile_api.errors import SAID
from mobile_api.guards import page, person_of
from mobile_api.words import dictionary
from wallet import api as wallet

PURPOSE = "HPAYMT"
CLAIM_TYPES = ("Claim", "ExplanationOfBenefit")
DAY_S = 86_400


class AskForm(forms.Form):
    """A payment request: for whom, why, for how long."""

    patient_code = forms.RegexField(
        r"^\s*[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}\s*$",
        label=_("Patient code"),
        max_length=12,
        error_messages={"invalid": _("A patient code has eight letters and digits, such as 7K3M-9QXD.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}
        ),
    )
    reason = forms.CharField(
        label=_("What for, in words the patient understands"), max_length=200, required=True
    )
    days = forms.TypedChoiceField(
        label=_("For how long"),
        choices=[(7, _("7 days")), (30, _("30 days")), (90, _("90 days"))],
        coerce=int,
        initial=30,
    )


def organisation_of(request: HttpRequest) -> Organisation:
    organisation = person_of(request).organisation
    if organisation is None:
        raise PermissionDenied
    return organisation


def _desk(request: HttpRequest, form: AskForm, status: int = 200) -> HttpResponse:
    organisation_id: uuid.UUID = organisation_of(request).id
    consents = {c.request_id: c for c in wallet.consents_for_organisation(organisation_id=organisation_id)}
    asked = wallet.requests_for_organisation(organisation_id=organisation_id)
    context = {
        "form": form,
        "rows": [(r, consents.get(r.request_id)) for r in asked],
        "config": {"words": dictionary()},
    }
    return render(request, "insurer/home.html", context, status=status)


@page(Role.INSURER)
def home(request: HttpRequest) -> HttpResponseBase:
    return _desk(request, AskForm())


@page(Role.INSURER)
def ask(request: HttpRequest) -> HttpResponseBase:
    """Ask a patient for consent in the insurer's name."""
    if request.method != "POST":
        return redirect("mobile_api:insurer-home")
    form = AskForm(request.POST)
    if not form.is_valid():
        return _desk(request, form, status=400)
    try:
        wallet.organisation_request_create(
            organisation_id=organisation_of(request).id,
            person_id=person_of(request).id,
            patient_code=form.cleaned_data["patient_code"].strip().upper(),
            purpose=PURPOSE,
            reason=form.cleaned_data["reason"].strip(),
            types=CLAIM_TYPES,
            date_from=None,
            date_to=None,
            duration_s=form.cleaned_data["days"] * DAY_S,
        )
    except wallet.WalletError as error:
        message, then = SAID.get(error.code, (error.message, error.next))
        form.add_error(None, f"{message} {then}")
        return _desk(request, form, status=400)
    messages.success(request, _("The patient has been asked. The answer appears below."), extra_tags="ok")
    return redirect("mobile_api:insurer-home")


@page(Role.INSURER)
def claims(request: HttpRequest, patient_code: str) -> HttpResponseBase:
    """Claims and settlements that a consent covers, read through the FHIR face."""
    asked = wallet.requests_for_organisation(organisation_id=organisation_of(request).id)
    if patient_code not in {r.patient_code for r in asked}:
        raise Http404
    config = {"patient": patient_code, "words": dictionary()}
    return render(request, "insurer/claims.html", {"patient_code": patient_code, "config": config})
