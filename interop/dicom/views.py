"""STOW-RS: POST /dicomweb/studies (DICOM PS3.18 section 10.5).

The instances of one study in one request become one record. Each is taken or refused on its own, as the
standard has it: 200 when all are taken, 202 when some are, 409 when none is. A request that is cut off or
too long stores nothing. The answer is in the DICOM JSON Model with the precise reason beside the code.
"""

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from django.http import HttpRequest, HttpResponse

from interop.dicom.multipart import Part, parts
from interop.fhir.http import fhir_view
from interop.fhir.json_text import encode
from interop.fhir.outcome import Issue, refuse
from interop.services.studies import Instance, ingest_dicom
from interop.smart.bearer import caller_of

DICOM = "application/dicom"
MAX_REQUEST = 2 * 1024**3
# PS3.18 table I.2-2: error "cannot understand", and data set that does not match the study asked for.
_CANNOT_UNDERSTAND, _WRONG_STUDY = 0xC000, 0xC409
_IN_MEMORY = 4 * 1024 * 1024


@fhir_view
def studies(request: HttpRequest, study_uid: str = "") -> HttpResponse:
    """Store every instance of the request; with `study_uid`, only those of that study."""
    if request.method != "POST":
        raise refuse("not-supported", "expected POST", status=405)
    caller = caller_of(request, "ImagingStudy", "c")
    others: list[Instance] = []
    result = ingest_dicom(
        organisation_id=caller.organisation_id,
        files=_dicom_files(request, others),
        patient_code=request.GET.get("patient"),
        study_uid=study_uid,
    )
    instances = [*result.instances, *others]
    if not instances:
        raise refuse("required", "expected at least one instance")
    failed = [one for one in instances if one.issues]
    status = 200 if not failed else 202 if len(failed) < len(instances) else 409
    return HttpResponse(encode(_answer(instances)), content_type="application/dicom+json", status=status)


def _dicom_files(request: HttpRequest, others: list[Instance]) -> Iterator[BinaryIO]:
    """The DICOM parts of the request; any other part joins `others`, refused."""
    for part in _parts(request):
        if part.content_type == DICOM:
            yield part.body
        else:
            issue = Issue("not-supported", f"expected a part of type {DICOM}")
            others.append(Instance(None, issues=(issue,)))


def _parts(request: HttpRequest) -> Iterator[Part]:
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


def _answer(instances: Sequence[Instance]) -> dict[str, Any]:
    """PS3.18 table 10.5.3-1: Failed SOP Sequence and Referenced SOP Sequence, each only when it has items."""
    sequences = {
        "00081198": [_sop(one) | _reason(one.issues) for one in instances if one.issues],
        "00081199": [_sop(one) for one in instances if not one.issues],
    }
    return {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}


def _sop(instance: Instance) -> dict[str, Any]:
    """Which instance it is; nothing when the file could not be read."""
    if instance.found is None:
        return {}
    return {
        "00081150": {"vr": "UI", "Value": [instance.found.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [instance.found.sop_instance_uid]},
    }


def _reason(issues: Sequence[Issue]) -> dict[str, Any]:
    wrong_study = any(
        issue.place.endswith("StudyInstanceUID") for issue in issues if issue.code == "conflict"
    )
    code = _WRONG_STUDY if wrong_study else _CANNOT_UNDERSTAND
    # Error Comment (0000,0902) is LO: 64 characters at most.
    said = [str(issue)[:64] for issue in issues]
    return {"00081197": {"vr": "US", "Value": [code]}, "00000902": {"vr": "LO", "Value": said}}
