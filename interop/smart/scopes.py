"""SMART App Launch 2.2 system scopes: what an organisation's programs may do.

Rules: `system/<Type or *>.<letters>`, letters a subset of `cruds` in that order. We know `c` (send in) and
`r`, `s` (read, search). A hospital may send anything; an insurer may send, and search claims.
"""

import re

_SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]+)\.(c?r?u?d?s?)")
BY_KIND = {
    "hospital": "system/*.c",
    "insurer": "system/*.c system/Claim.rs system/ExplanationOfBenefit.rs",
}


def allows(granted: str, resource_type: str, letter: str) -> bool:
    """Whether a space-separated list of scopes covers one interaction with one type."""
    found = (_SCOPE.fullmatch(scope) for scope in granted.split())
    return any(match[1] in ("*", resource_type) and letter in match[2] for match in found if match)


def narrowed(granted: str, requested: str) -> str | None:
    """The scopes to issue: all of `granted` when nothing is asked, else what is asked if it is covered."""
    asked = [_SCOPE.fullmatch(scope) for scope in requested.split()]
    covered = all(m and m[2] and all(allows(granted, m[1], letter) for letter in m[2]) for m in asked)
    return (requested or granted) if covered else None
