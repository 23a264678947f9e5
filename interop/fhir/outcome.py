"""What is wrong with a submission, said so that the sender can mend it.

An `Issue` is one FHIR OperationOutcome.issue: its `place` is a FHIRPath expression such as
`Bundle.entry[12].resource.code`. `Refused` carries every issue found, not only the first.
Diagnostics name elements and expectations, never the values found there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from interop.fhir.json_text import Json


@dataclass(frozen=True)
class Issue:
    """One problem. `code` is from http://hl7.org/fhir/issue-type; `place` is empty for the whole."""

    code: str
    diagnostics: str
    place: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.diagnostics}" if self.place else self.diagnostics


class Refused(Exception):
    """The sender's submission cannot be taken as it is. `status` is the HTTP status that says so."""

    def __init__(self, issues: Iterable[Issue], status: int = 400) -> None:
        self.issues = tuple(issues)
        self.status = status
        super().__init__("; ".join(str(issue) for issue in self.issues))


def refuse(code: str, diagnostics: str, place: str = "", status: int = 400) -> Refused:
    """A refusal with a single issue."""
    return Refused([Issue(code, diagnostics, place)], status)


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Json]:
    """The OperationOutcome resource that reports `issues` (FHIR R4 section 2.32)."""
    return {"resourceType": "OperationOutcome", "issue": [_issue_json(issue) for issue in issues]}


def _issue_json(issue: Issue) -> dict[str, Any]:
    reported: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "diagnostics": issue.diagnostics,
    }
    if issue.place:
        reported["expression"] = [issue.place]
    return reported
