"""Plain words for codes: record types, purposes, confidentiality, roles, states.

Codes come from FHIR R4 resource types, HL7 v3 PurposeOfUse and Confidentiality; a code that has no word
here is shown as it is rather than hidden.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TYPES: dict[str, Promise] = {
    "Patient": _("Personal details"),
    "Encounter": _("Visits and stays"),
    "Condition": _("Problems and diagnoses"),
    "AllergyIntolerance": _("Allergies"),
    "MedicationRequest": _("Prescriptions"),
    "MedicationStatement": _("Medication taken"),
    "MedicationAdministration": _("Medication given"),
    "MedicationDispense": _("Medication handed out"),
    "Medication": _("Medicines"),
    "Observation": _("Results and measurements"),
    "DiagnosticReport": _("Reports"),
    "DocumentReference": _("Documents"),
    "Immunization": _("Vaccinations"),
    "Procedure": _("Procedures"),
    "CarePlan": _("Care plans"),
    "CareTeam": _("Care teams"),
    "Goal": _("Goals"),
    "ServiceRequest": _("Orders"),
    "FamilyMemberHistory": _("Family history"),
    "ImagingStudy": _("Scans and images"),
    "Claim": _("Bills to the insurer"),
    "ExplanationOfBenefit": _("Insurer's settlements"),
    "Coverage": _("Insurance cover"),
    "Device": _("Devices"),
    "QuestionnaireResponse": _("Questionnaires"),
    "Consent": _("Consents"),
    "Provenance": _("Where records came from"),
    "Organization": _("Hospitals and organisations"),
    "Practitioner": _("Doctors and nurses"),
    "PractitionerRole": _("Roles of doctors and nurses"),
    "Location": _("Places"),
}
PURPOSES: dict[str, Promise] = {
    "TREAT": _("Treatment"),
    "ETREAT": _("Emergency treatment"),
    "CAREMGT": _("Coordination of care"),
    "HPAYMT": _("Payment of a bill"),
    "COVERAGE": _("Insurance cover"),
    "HOPERAT": _("Running the hospital"),
    "HRESCH": _("Research"),
    "PUBHLTH": _("Public health"),
    "PATRQT": _("Your own request"),
}
LABELS: dict[str, Promise] = {
    "U": _("Unrestricted"),
    "L": _("Low"),
    "M": _("Moderate"),
    "N": _("Normal"),
    "R": _("Sensitive"),
    "V": _("Very sensitive"),
}
ROLES: dict[str, Promise] = {
    "physician": _("Physician"),
    "doctor": _("Physician"),
    "surgeon": _("Surgeon"),
    "nurse": _("Nurse"),
    "pharmacist": _("Pharmacist"),
    "clinician": _("Clinician"),
    "insurer": _("Insurer"),
    "organisation": _("Organisation"),
}
STATES: dict[str, Promise] = {
    "requested": _("Waiting for an answer"),
    "granted": _("Approved"),
    "refused": _("Refused"),
    "withdrawn": _("Withdrawn"),
    "expired": _("Expired"),
    "signed": _("Signed, on its way to the ledger"),
    "active": _("Open"),
    "revoked": _("Stopped by the patient"),
    "exhausted": _("Used up"),
    "rejected": _("Rejected by the ledger"),
    "awaiting_key": _("Waiting for your keys"),
    "anchoring": _("On its way to the ledger"),
    "anchored": _("On the ledger"),
    "failed": _("Failed"),
}
# The patient's word on a record that a hospital sent.
ANSWERS: dict[str, Promise] = {
    "signed": _("Acknowledged, on its way to the ledger"),
    "acknowledged": _("Acknowledged"),
    "disputed": _("Not the patient's"),
}
DEVICES: dict[str, Promise] = {
    "pending": _("Being registered"),
    "registered": _("Registered"),
    "revoked": _("Revoked"),
    "rejected": _("Rejected by the ledger"),
}
# A person's pairwise DID with one organisation.
DIDS: dict[str, Promise] = {
    "none": _("No key yet"),
    "pending": _("Being registered"),
    "registered": _("Registered"),
    "rejected": _("Rejected by the ledger"),
}
# Parts of a claim that are records of their own: `Claim.items`.
PARTS: dict[str, Promise] = {
    "administrative": _("who and when"),
    "diagnosis": _("diagnoses"),
    "items": _("items and prices"),
    "item": _("items and prices"),
    "payment": _("payment"),
    "supporting": _("supporting information"),
    "careteam": _("care team"),
}
WORDS = {
    "type": TYPES,
    "purpose": PURPOSES,
    "label": LABELS,
    "role": ROLES,
    "state": STATES,
    "part": PARTS,
    "answer": ANSWERS,
    "device": DEVICES,
    "did": DIDS,
}


def word(kind: str, code: str) -> str:
    """The reader's word for `code` of `kind`."""
    if kind == "type" and "." in code:
        whole, part = code.split(".", 1)
        return f"{word('type', whole)}: {word('part', part.lower())}"
    return str(WORDS[kind].get(code.lower() if kind == "role" else code, code))


def dictionary() -> dict[str, dict[str, str]]:
    """All words in the active language, for scripts."""
    return {kind: {code: str(text) for code, text in table.items()} for kind, table in WORDS.items()}
