"""Records: metadata and envelopes; the bytes are in storage."""

from typing import ClassVar

from django.db import models


class Record(models.Model):
    """One encrypted unit with its own data key, owned by one patient, sent by one organisation."""

    class State(models.TextChoices):
        AWAITING_KEY = "awaiting_key", "awaiting the patient's key"
        ANCHORING = "anchoring", "anchoring"
        ANCHORED = "anchored", "on the ledger"
        FAILED = "failed", "failed"

    class Answer(models.TextChoices):
        NONE = "", "not answered"
        SIGNED = "signed", "acknowledged, on its way to the ledger"
        ACKNOWLEDGED = "acknowledged", "acknowledged on the ledger"
        DISPUTED = "disputed", "not the patient's"

    id = models.CharField(primary_key=True, max_length=36)
    patient = models.ForeignKey("wallet.Patient", on_delete=models.PROTECT, related_name="records")
    source_id = models.UUIDField(db_index=True)
    type = models.CharField(max_length=64)
    label = models.CharField(max_length=2)
    group = models.CharField(max_length=200, blank=True)
    period_start = models.CharField(max_length=10, blank=True)
    period_end = models.CharField(max_length=10, blank=True)
    size = models.BigIntegerField()
    digest = models.CharField(max_length=64, help_text="HMAC of patient and content, to find a repeat")
    manifest = models.CharField(max_length=120)
    root = models.CharField(max_length=43)
    codec = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=1, help_text="storage version")
    epoch = models.PositiveIntegerField(default=1, help_text="key epoch of the present version's envelope")
    next_epoch = models.PositiveIntegerField(
        default=1, help_text="for the next version; bumped by revocation"
    )
    recipient = models.CharField(max_length=80, blank=True, help_text="the patient's DID the envelope is for")
    envelope = models.JSONField(null=True)
    anchor_salt = models.BinaryField()
    anchor = models.CharField(max_length=22, blank=True, db_index=True)
    state = models.CharField(max_length=12, choices=State.choices)
    reason = models.CharField(max_length=200, blank=True)
    answer = models.CharField(
        max_length=12, choices=Answer.choices, default=Answer.NONE, blank=True, help_text="the patient's word"
    )
    created_at = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source_id", "digest"], name="record_once_per_source")
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "type", "state"])]

    def __str__(self) -> str:
        return self.id


class PendingSeal(models.Model):
    """A data key sealed to the source's gateway until the patient has a key; deleted on re-seal."""

    record = models.OneToOneField(Record, primary_key=True, on_delete=models.CASCADE)
    envelope = models.JSONField()

    def __str__(self) -> str:
        return f"pending {self.record_id}"
