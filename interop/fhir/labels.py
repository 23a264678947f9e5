"""How confidential a resource is: N, R or V of HL7 v3 Confidentiality.

Rules
- Its `meta.security`, that of its contained resources' container and the Bundle's count; the highest wins.
- U, L and M are kept as N: a consent's ceiling knows N, R and V, and raising a label is safe.
- A sensitivity code of v3 ActCode (HIV, PSY, …) without a higher label means R.
- Without labels, the type decides: R for what tells of relatives or the genome, N for the rest.
- An unknown code of the Confidentiality system is refused, for nobody can say what it allows.
"""

from collections.abc import Iterable
from typing import Any

from interop.fhir.outcome import refuse

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_KEPT_AS = {"U": "N", "L": "N", "M": "N", "N": "N", "R": "R", "V": "V"}
_RANK = "NRV"
# v3 ActCode, value set ActInformationSensitivityPolicy.
_SENSITIVE = frozenset(
    "ABORTION ALC BH COGN DVD EMOTDIS ETH ETHUD GDIS HIV MH MST OPIOIDUD PSY PSYTHPN REPHLTH SCA SDV SEX "  # noqa: SIM905
    "SICKLE SPI STD SUD TBOO VIO".split()
)
_RESTRICTED_TYPES = frozenset(["FamilyMemberHistory", "MolecularSequence", "RiskAssessment"])


def label_of(resource: dict[str, Any], bundle_security: Iterable[dict[str, Any]], place: str) -> str:
    """The label under which `resource` is kept. Raises Refused with `place` for an unknown label."""
    own = resource.get("meta", {}).get("security", [])
    labels = [_label(coding, place) for coding in (*own, *bundle_security)]
    stated = [label for label in labels if label]
    if stated:
        return max(stated, key=_RANK.index)
    return "R" if resource["resourceType"] in _RESTRICTED_TYPES else "N"


def _label(coding: dict[str, Any], place: str) -> str:
    system, code = coding.get("system"), coding.get("code", "")
    if system == CONFIDENTIALITY:
        if code not in _KEPT_AS:
            raise refuse("code-invalid", f"expected one of {', '.join(_KEPT_AS)}", f"{place}.meta.security")
        return _KEPT_AS[code]
    return "R" if system == ACT_CODE and code in _SENSITIVE else ""
