"""STOW-RS: POST /dicomweb/studies (DICOM PS3.18 section 10.5).

Each instance is taken or refused on its own, as the standard has it: 200 when all are taken, 202 when
some are, 409 when none is. The answer is in the DICOM JSON Model with the precise reason beside the code.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.http import HttpRequest, HttpResponse

from interop.dicom.multipart import Part, parts
from interop.dicom.parse import DicomObject
from interop.fhir.http import fhir_view
from interop.fhir.json_text import encode
from interop.fhir.outcome import Refused, refuse
from interop.services.ingest import ingest_dicom
from interop.smart.bearer import caller_of

DICOM = "application/dicom"
MAX_REQUEST = 2 * 1024**3
# PS3.18 table I.2-2: error "cannot understand", and data set that does not match the study asked for.
_CANNOT_UNDERSTAND, _WRONG_STUDY = 0xC000, 0xC409
_IN_MEMORY = 4 * 1024 * 1024


@dataclass
class _Report:
    stored: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    def status(self) -> int:
        if not self.failed:
            return 200
        return 202 if self.stored else 409


@fhir_view
def studies(request: HttpRequest, study_uid: str = "") -> HttpResponse:
    """Store every instance of the request; with `study_uid`, only those of that study."""
    if request.method != "POST":
        raise refuse("not-supported", "expected POST", status=405)
    caller = caller_of(request, "ImagingStudy", "c")
    report = _Report()
    for part in _instances(request):
        try:
            if part.content_type != DICOM:
                raise refuse("not-supported", f"expected a part of type {DICOM}")
            found, _ = ingest_dicom(
                organisation_id=caller.organisation_id,
                file=part.body,
                patient_code=request.GET.get("patient"),
                study_uid=study_uid,
            )
            report.stored.append(_sop(found))
        except Refused as error:
            report.failed.append(_failed(error))
    if not (report.stored or report.failed):
        raise refuse("required", "expected at least one instance")
    return HttpResponse(
        encode(_answer(report)), content_type="application/dicom+json", status=report.status()
    )


def _instances(request: HttpRequest) -> Iterator[Part]:
    parameters = request.content_params or {}
    if request.content_type == DICOM:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
            _copy(request, body)  # type: ignore[arg-type]
            yield Part(DICOM, body)  # type: ignore[arg-type]
    elif request.content_type == "multipart/related" and parameters.get("boundary"):
        yield from parts(request, parameters["boundary"], limit=MAX_REQUEST)
    else:
        raise refuse("not-supported", f"expected multipart/related or {DICOM}", status=415)


def _copy(request: HttpRequest, body: BinaryIO) -> None:
    left = MAX_REQUEST
    while data := request.read(256 * 1024):
        left -= len(data)
        if left < 0:
            raise refuse("too-long", f"expected at most {MAX_REQUEST} bytes", status=413)
        body.write(data)
    body.seek(0)


def _sop(found: DicomObject) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [found.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [found.sop_instance_uid]},
    }


def _failed(error: Refused) -> dict[str, Any]:
    code = _WRONG_STUDY if error.status == 409 else _CANNOT_UNDERSTAND
    # Error Comment (0000,0902) is LO: 64 characters at most.
    said = [str(issue)[:64] for issue in error.issues]
    return {"00081197": {"vr": "US", "Value": [code]}, "00000902": {"vr": "LO", "Value": said}}


def _answer(report: _Report) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if report.failed:
        answer["00081198"] = {"vr": "SQ", "Value": report.failed}
    if report.stored:
        answer["00081199"] = {"vr": "SQ", "Value": report.stored}
    return answer
