"""Requests, grants and what was released."""

from typing import ClassVar

from django.db import models


class AccessRequest(models.Model):
    """A signed request: `document` holds the exact canonical bytes that the requester signed."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        GRANTED = "granted"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"

    id = models.CharField(primary_key=True, max_length=22)
    patient = models.ForeignKey("wallet.Patient", on_delete=models.CASCADE, related_name="requests")
    person_id = models.UUIDField(null=True, db_index=True, help_text="who asked; null for a system client")
    organisation_id = models.UUIDField(db_index=True)
    document = models.TextField()
    signature = models.CharField(max_length=86)
    nonce = models.CharField(max_length=22)
    access_key = models.CharField(max_length=43, unique=True)
    access_secret = models.BinaryField(null=True, help_text="an organisation's wrapped access key seed")
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    created_at = models.BigIntegerField()
    expires_at = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation_id", "nonce"], name="request_nonce_once")
        ]
        indexes: ClassVar = [models.Index(fields=["state", "expires_at"])]

    def __str__(self) -> str:
        return self.id


class Grant(models.Model):
    """What an approval handed over. The secret parts are emptied when the consent ends."""

    class State(models.TextChoices):
        SIGNED = "signed"
        ACTIVE = "active"
        REVOKED = "revoked"
        EXPIRED = "expired"
        EXHAUSTED = "exhausted"
        REJECTED = "rejected"

    consent_id = models.CharField(primary_key=True, max_length=22)
    request = models.OneToOneField(AccessRequest, on_delete=models.PROTECT, related_name="grant")
    patient = models.ForeignKey("wallet.Patient", on_delete=models.CASCADE, related_name="grants")
    subject = models.CharField(max_length=80)
    artefact = models.TextField(help_text="canonical bytes of the artefact")
    salt = models.CharField(max_length=43)
    sealed = models.JSONField(null=True)
    valid_from = models.BigIntegerField()
    valid_until = models.BigIntegerField()
    max_opens = models.PositiveIntegerField()
    custody = models.CharField(max_length=10)
    tx_hash = models.CharField(max_length=64, unique=True, help_text="of its ConsentGranted")
    state = models.CharField(max_length=10, choices=State.choices, default=State.SIGNED)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["state", "valid_until"])]

    def __str__(self) -> str:
        return self.consent_id


class GrantWrap(models.Model):
    """One record's data key under a grant's key; `wrap` is emptied when the consent ends."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="wraps")
    record = models.ForeignKey("wallet.Record", on_delete=models.PROTECT, related_name="wraps")
    index = models.PositiveIntegerField(help_text="place of the handle, ascending")
    epoch = models.PositiveIntegerField()
    manifest = models.CharField(max_length=120, help_text="the version that was granted")
    handle = models.CharField(max_length=43)
    wrap_hash = models.CharField(max_length=43)
    wrap = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["index"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["grant", "record"], name="one_wrap_per_record"),
            models.UniqueConstraint(fields=["grant", "index"], name="one_wrap_per_index"),
        ]

    def __str__(self) -> str:
        return f"wrap {self.pk}"


class ServedAccess(models.Model):
    """An `AccessOpened` whose keys were released: a second release for it is refused."""

    tx_hash = models.CharField(primary_key=True, max_length=64)
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE)
    served_at = models.BigIntegerField()

    def __str__(self) -> str:
        return self.tx_hash
