"""DIDs and keys: public ones in the clear, secret ones only wrapped."""

from typing import ClassVar

from django.db import models


class LedgerState(models.TextChoices):
    """How far a signed registration has come; `registered` and after mirror the ledger."""

    PENDING = "pending"
    REGISTERED = "registered"
    REVOKED = "revoked"
    REJECTED = "rejected"


class PairwiseDid(models.Model):
    """A patient's DID towards one organisation. A rejected one is replaced by a fresh one."""

    patient = models.ForeignKey("wallet.Patient", on_delete=models.CASCADE, related_name="dids")
    organisation_id = models.UUIDField()
    did = models.CharField(max_length=80, unique=True)
    keyset = models.JSONField()
    state = models.CharField(max_length=10, choices=LedgerState.choices, default=LedgerState.PENDING)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["patient", "organisation_id"], name="one_did_per_organisation")
        ]

    def __str__(self) -> str:
        return self.did


class CustodialBundle(models.Model):
    """A custodial patient's secret keys, wrapped under the service key and the patient's PIN together."""

    patient = models.OneToOneField("wallet.Patient", primary_key=True, on_delete=models.CASCADE)
    wrapped = models.JSONField(help_text="wallet.core.custody's wrapped form, parameters included")
    version = models.PositiveIntegerField(default=1)
    attempts = models.PositiveIntegerField(default=0, help_text="Wrong PINs since the last right one")
    locked_until = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"bundle of {self.patient_id}"


class OrganisationKeys(models.Model):
    """An organisation's keys: each secret is wrapped by the vault with its row and use as AAD."""

    organisation_id = models.UUIDField(primary_key=True)
    did = models.CharField(max_length=80, unique=True)
    keyset = models.JSONField()
    issuer_did = models.CharField(max_length=80, help_text="did:key under which credentials are issued")
    signing = models.BinaryField(help_text="wrapped Ed25519 seed of #key-1")
    issuer = models.BinaryField(help_text="wrapped Ed25519 seed of #issuer-1")
    sealing = models.BinaryField(help_text="wrapped seed of the gateway's #seal-1")
    recovery = models.BinaryField(help_text="wrapped Ed25519 seed that `next` commits to")
    registration_tx = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=LedgerState.choices, default=LedgerState.PENDING)

    def __str__(self) -> str:
        return self.did


class ClinicianDevice(models.Model):
    """A clinician's device: its did:key, its sealing key, the credential its hospital issued for it."""

    person_id = models.UUIDField(db_index=True)
    organisation_id = models.UUIDField()
    did = models.CharField(max_length=80, unique=True)
    seal_key = models.JSONField()
    credential = models.TextField()
    credential_hash = models.CharField(max_length=43, unique=True)
    valid_until = models.BigIntegerField()
    registration_tx = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=LedgerState.choices, default=LedgerState.PENDING)
    created_at = models.BigIntegerField()

    def __str__(self) -> str:
        return self.did
