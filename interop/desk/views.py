"""The hospital's desk: send files in, and see what became of them."""

import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from django import forms
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from accounts.api import Organisation, OrganisationKind, Person, Role
from interop.fhir.outcome import Issue, Refused
from interop.services.files import FileResult, Source, files_ingest
from wallet import api as wallet

A_PAGE = 20
STATES = {
    "awaiting_key": _("waits for the patient's key"),
    "anchoring": _("on its way to the ledger"),
    "anchored": _("on the ledger"),
    "failed": _("refused by the ledger"),
}


@dataclass(frozen=True)
class Sent:
    """What became of one file, for the page."""

    name: str
    new: int
    known: int
    issues: list[tuple[int, Issue]]


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files in one field (Django's own takes one)."""

    widget = FilesInput(attrs={"accept": ".json,.ndjson,.dcm,application/fhir+json,application/dicom"})

    def clean(self, data: Any, initial: Any = None) -> Any:
        return [super(FilesField, self).clean(found, initial) for found in data or [None]]


class UploadForm(forms.Form):
    upload = FilesField(label=_("Files (FHIR JSON, NDJSON or DICOM); you can drop them here"))
    patient_code = forms.RegexField(
        r"^\s*[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}\s*$",
        label=_("Patient code, when the files do not tell"),
        required=False,
        error_messages={"invalid": _("A patient code has eight letters and digits, such as 7K3M-9QXD.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


@never_cache
def home(request: HttpRequest) -> HttpResponseBase:
    """GET shows the desk; POST takes the files and shows what became of each."""
    if not isinstance(request.user, Person):
        return redirect("home")
    hospital = _hospital_of(request.user)
    if request.method != "POST":
        return _page(request, hospital, UploadForm(), [])
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, hospital, form, [], status=400)
    code = form.cleaned_data["patient_code"].strip() or None
    sent = _send(hospital.id, form.cleaned_data["upload"], code)
    status = 400 if any(found.issues for found in sent) else 200
    return _page(request, hospital, UploadForm(), sent, status=status)


def _hospital_of(person: Person) -> Organisation:
    organisation = person.organisation
    if person.role != Role.OPERATOR or organisation is None:
        raise PermissionDenied
    if organisation.kind != OrganisationKind.HOSPITAL:
        raise PermissionDenied
    return organisation


def _send(organisation_id: uuid.UUID, files: Sequence[UploadedFile], patient_code: str | None) -> list[Sent]:
    sources = [Source(file.name or "", partial(_from_start, file)) for file in files]
    told: dict[int, list[FileResult]] = {}
    try:
        for source, results in files_ingest(
            organisation_id=organisation_id, sources=sources, patient_code=patient_code
        ):
            told[id(source)] = results
    except Refused as error:
        missing = error.issues
    except wallet.WalletError as error:
        missing = (Issue("transient", f"{error.message} {error.next}"),)
    else:
        missing = ()
    return [_sent(source, told.get(id(source), [FileResult(0, "", 0, 0, missing)])) for source in sources]


def _from_start(file: UploadedFile) -> AbstractContextManager[BinaryIO]:
    file.seek(0)
    return nullcontext(file)  # type: ignore[arg-type]  # closed with the request


def _sent(source: Source, results: list[FileResult]) -> Sent:
    issues = [(result.line, issue) for result in results for issue in result.issues]
    return Sent(source.name, sum(r.new for r in results), sum(r.known for r in results), issues)


def _page_number(request: HttpRequest) -> int:
    """`?page=`, from 1; anything else is the first."""
    asked = request.GET.get("page", "")
    return max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 5 else 1


def _page(
    request: HttpRequest, hospital: Organisation, form: UploadForm, sent: list[Sent], status: int = 200
) -> HttpResponse:
    number = _page_number(request)
    # One more than is shown tells whether there is a next page.
    uploads = wallet.uploads_for_organisation(organisation_id=hospital.id, limit=number * A_PAGE + 1)
    shown = uploads[(number - 1) * A_PAGE : number * A_PAGE]
    rows = [(upload, STATES.get(upload.record.state, upload.record.state)) for upload in shown]
    older = number + 1 if len(uploads) > number * A_PAGE else 0
    context = {
        "hospital": hospital,
        "form": form,
        "sent": sent,
        "rows": rows,
        "newer": number - 1,
        "older": older,
    }
    return render(request, "interop/desk.html", context, status=status)
