"""Which resource types belong in a patient's record: FHIR R4's patient compartment, and what it refers to.

R4 types that fhir.resources' R4B models no longer have are left out. Definitions and conformance
resources (StructureDefinition, ValueSet, …) are nobody's record.
"""

# R4 CompartmentDefinition/patient.
_COMPARTMENT = (
    "Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic "
    "BodyStructure CarePlan CareTeam ChargeItem Claim ClaimResponse ClinicalImpression Communication "
    "CommunicationRequest Composition Condition Consent Coverage CoverageEligibilityRequest "
    "CoverageEligibilityResponse DetectedIssue DeviceRequest DeviceUseStatement DiagnosticReport "
    "DocumentManifest DocumentReference Encounter EnrollmentRequest EpisodeOfCare ExplanationOfBenefit "
    "FamilyMemberHistory Flag Goal Group ImagingStudy Immunization ImmunizationEvaluation "
    "ImmunizationRecommendation Invoice List MeasureReport Media MedicationAdministration "
    "MedicationDispense MedicationRequest MedicationStatement MolecularSequence NutritionOrder "
    "Observation Patient Person Procedure Provenance QuestionnaireResponse RelatedPerson RequestGroup "
    "ResearchSubject RiskAssessment Schedule ServiceRequest Specimen SupplyDelivery SupplyRequest "
    "VisionPrescription"
)
_REFERRED_TO = (
    "Binary Device EnrollmentResponse Endpoint GuidanceResponse HealthcareService Location Medication "
    "Organization OrganizationAffiliation PaymentNotice PaymentReconciliation Practitioner "
    "PractitionerRole Slot Substance Task"
)
ACCEPTED = frozenset(f"{_COMPARTMENT} {_REFERRED_TO}".split())
