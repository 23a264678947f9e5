"""Patients and what organisations call them."""

from typing import ClassVar

from django.db import models


class Patient(models.Model):
    """A person who owns a record. `code` is 8 Crockford characters, stored without the dash."""

    class Custody(models.TextChoices):
        NONE = "", "not set up"
        SELF = "self", "self-held"
        CUSTODIAL = "custodial", "custodial"

    class Emergency(models.TextChoices):
        ALLOW = "allow", "allow"
        SUMMARY = "summary", "allow summary only"
        NEVER = "never", "never"

    person_id = models.UUIDField(primary_key=True)
    code = models.CharField(max_length=8, unique=True)
    custody = models.CharField(max_length=10, blank=True, choices=Custody.choices, default=Custody.NONE)
    emergency = models.CharField(max_length=8, choices=Emergency.choices, default=Emergency.SUMMARY)
    created_at = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.person_id)


class PatientIdentifier(models.Model):
    """What one organisation calls a patient: unique within that organisation."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="identifiers")
    organisation_id = models.UUIDField()
    system = models.CharField(max_length=200)
    value = models.CharField(max_length=120)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation_id", "system", "value"], name="identifier_once")
        ]

    def __str__(self) -> str:
        return f"identifier {self.pk}"
