"""A FHIR R4 JSON submission, read and checked whole before anything is kept.

Rules
- A submission is one resource, or a Bundle of type transaction, batch or collection.
- Transactions and collections are taken whole or not at all; an entry of a batch that is wrong is
  reported in `Submission.refused` and leaves the others standing (FHIR R4 section 3.1.0.11).
- Entries create or update: POST, or PUT to the resource's own `Type/id`. Each holds a resource.
- References are resolved and ids made stable as `references` says.
"""

from collections import Counter
from dataclasses import dataclass, replace

from interop.fhir.checks import own_issues
from interop.fhir.json_text import BadJson, Json, decode
from interop.fhir.outcome import Issue, Refused, refuse
from interop.fhir.references import problem, references_in, resolve, resource_id
from interop.fhir.structure import structure_issues

BUNDLE_TYPES = ("transaction", "batch", "collection")


@dataclass(frozen=True)
class Limits:
    """Upper bounds on one submission."""

    size: int = 32 * 1024 * 1024
    entries: int = 5_000


@dataclass(frozen=True)
class Entry:
    """One resource of a submission, its references resolved and its id made stable."""

    place: str
    resource: dict[str, Json]
    method: str = "POST"

    @property
    def reference(self) -> str:
        return f"{self.resource['resourceType']}/{self.resource['id']}"


@dataclass(frozen=True)
class Submission:
    """What was sent. `kind` is a Bundle type or `single`; `security` is Bundle.meta.security.

    `order` lists the place of every entry, taken or refused, as sent.
    """

    kind: str
    entries: tuple[Entry, ...]
    security: tuple[dict[str, Json], ...] = ()
    refused: tuple[tuple[str, tuple[Issue, ...]], ...] = ()
    order: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Raw:
    place: str
    full_url: str
    method: str
    resource: dict[str, Json]


def parse(data: bytes, *, source: str, limits: Limits = Limits()) -> Submission:
    """Read and check `data`, sent by the organisation whose DID is `source`. Raises Refused."""
    if len(data) > limits.size:
        raise refuse("too-long", f"expected at most {limits.size} bytes, got {len(data)}", status=413)
    try:
        value = decode(data)
    except BadJson as error:
        raise refuse("structure", error.reason, _rooted(error.place)) from None
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise refuse("structure", "expected a JSON object with a resourceType")
    if value["resourceType"] == "Bundle":
        return _bundle(value, source, limits)
    return _single(value, source)


def _rooted(place: str) -> str:
    # Only a Bundle has entries, so the path says what the root was before it is known to be sound.
    return f"Bundle.{place}" if place.startswith("entry") else place


def _single(resource: dict[str, Json], source: str) -> Submission:
    place = resource["resourceType"]
    raw = _Raw(place, "", "POST", resource)
    if issues := _issues(raw, {}):
        raise Refused(issues)
    return Submission("single", (_entry(raw, source, {}),), order=(place,))


def _bundle(bundle: dict[str, Json], source: str, limits: Limits) -> Submission:
    kind = bundle.get("type")
    if kind not in BUNDLE_TYPES:
        raise refuse("not-supported", f"expected one of {', '.join(BUNDLE_TYPES)}", "Bundle.type")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not entries:
        raise refuse("required", "expected at least one entry", "Bundle.entry")
    if len(entries) > limits.entries:
        raise refuse("too-long", f"expected at most {limits.entries} entries", "Bundle.entry", status=413)
    raws, faults = _open(bundle, entries, str(kind))
    known = {
        raw.full_url: f"{raw.resource['resourceType']}/{resource_id(source, raw.full_url, raw.resource)}"
        for raw in raws
        if raw.full_url
    }
    for raw in raws:
        faults[raw.place] += _issues(raw, known)
    return _settled(bundle, raws, faults, source, known)


def _open(
    bundle: dict[str, Json], entries: list[Json], kind: str
) -> tuple[list[_Raw], dict[str, list[Issue]]]:
    """The entries that hold a resource, and each entry's faults so far."""
    shell = {**bundle, "entry": [_without_resource(entry) for entry in entries]}
    shell_issues = [*structure_issues(shell, "Bundle"), *own_issues({**bundle, "entry": "…"}, "Bundle")]
    faults: dict[str, list[Issue]] = {}
    raws = []
    for i, entry in enumerate(entries):
        place = f"Bundle.entry[{i}]"
        mine = [issue for issue in shell_issues if f"{issue.place}.".startswith((f"{place}.", f"{place}["))]
        faults[f"{place}.resource"] = mine + _entry_issues(entry, place, kind)
        shell_issues = [issue for issue in shell_issues if issue not in mine]
        if not faults[f"{place}.resource"]:
            request = entry.get("request", {})
            raws.append(
                _Raw(
                    f"{place}.resource",
                    entry.get("fullUrl", ""),
                    request.get("method", "POST"),
                    entry["resource"],
                )
            )
    if shell_issues:
        raise Refused(shell_issues)
    _mark_repeated(raws, faults)
    return raws, faults


def _without_resource(entry: Json) -> Json:
    if not isinstance(entry, dict):
        return {"fullUrl": entry}
    rest = {key: value for key, value in entry.items() if key != "resource"}
    return rest or {"id": "only-a-resource"}


def _mark_repeated(raws: list[_Raw], faults: dict[str, list[Issue]]) -> None:
    counts = Counter(raw.full_url for raw in raws if raw.full_url)
    for raw in raws:
        if counts[raw.full_url] > 1:
            place = raw.place.replace(".resource", ".fullUrl")
            faults[raw.place].append(Issue("duplicate", "another entry has this fullUrl (bdl-7)", place))


def _entry_issues(entry: Json, place: str, kind: str) -> list[Issue]:
    if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
        return [Issue("required", "expected an entry that holds a resource", f"{place}.resource")]
    resource, full_url = entry["resource"], entry.get("fullUrl", "")
    if not isinstance(resource.get("resourceType"), str):
        return [Issue("required", "required, but missing", f"{place}.resource.resourceType")]
    if resource["resourceType"] == "Bundle":
        return [Issue("not-supported", "a Bundle inside a Bundle is not taken", f"{place}.resource")]
    issues = []
    if full_url and not str(full_url).startswith(("urn:uuid:", "urn:oid:", "http://", "https://")):
        issues.append(Issue("value", "expected an absolute URL or urn:uuid:…", f"{place}.fullUrl"))
    if kind in ("transaction", "batch"):
        issues += _request_issues(entry.get("request"), resource, f"{place}.request")
    return issues


def _request_issues(request: Json, resource: dict[str, Json], place: str) -> list[Issue]:
    if not isinstance(request, dict):
        return [Issue("required", "required in a transaction or batch (bdl-3)", place)]
    name, method, url = resource["resourceType"], request.get("method"), request.get("url")
    if method not in ("POST", "PUT"):
        return [Issue("not-supported", "expected POST or PUT", f"{place}.method")]
    for condition in ("ifNoneExist", "ifMatch"):
        if condition in request:
            return [Issue("not-supported", "not evaluated here: leave it out", f"{place}.{condition}")]
    expected = name if method == "POST" else f"{name}/{resource.get('id', '…')}"
    if url != expected:
        return [
            Issue("value", f"expected {expected if method == 'POST' else f'{name}/<its id>'}", f"{place}.url")
        ]
    return []


def _issues(raw: _Raw, known: dict[str, str]) -> list[Issue]:
    found = structure_issues(raw.resource, raw.place)
    if found:
        return found  # the checks below count on the right shape
    found = own_issues(raw.resource, raw.place)
    for reference in references_in(raw.resource, raw.place):
        issue = problem(reference, known)
        found += [issue] if issue else []
    return found


def _settled(
    bundle: dict[str, Json],
    raws: list[_Raw],
    faults: dict[str, list[Issue]],
    source: str,
    known: dict[str, str],
) -> Submission:
    wrong = tuple((place, tuple(issues)) for place, issues in faults.items() if issues)
    if wrong and bundle["type"] != "batch":
        raise Refused(issue for _, issues in wrong for issue in issues)
    return Submission(
        kind=bundle["type"],
        entries=tuple(_entry(raw, source, known) for raw in raws if not faults[raw.place]),
        security=tuple(bundle.get("meta", {}).get("security", ())),
        refused=wrong,
        order=tuple(faults),
    )


def _entry(raw: _Raw, source: str, known: dict[str, str]) -> Entry:
    own = {"id": resource_id(source, raw.full_url, raw.resource)}
    resource = {
        "resourceType": raw.resource["resourceType"],
        **own,
        **resolve(raw.resource, source, known),
        **own,
    }
    return replace(Entry(raw.place, resource), method=raw.method)
