"""What interop keeps of its own: which programs may call it, and which DICOM files are held already.

No record and no person is here."""

import uuid
from typing import ClassVar

from django.db import models


class ApiClient(models.Model):
    """A program of an organisation. It proves itself by a secret (kept as a hash) or by an Ed25519 key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation_id = models.UUIDField(db_index=True)
    name = models.CharField(max_length=80)
    secret_hash = models.CharField(max_length=64, blank=True)
    public_key = models.CharField(max_length=43, blank=True, help_text="Ed25519, base64url")
    scope = models.CharField(max_length=400)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class UsedAssertion(models.Model):
    """A client assertion that was accepted: it is not accepted again."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE)
    jti = models.CharField(max_length=120)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["client", "jti"], name="assertion_used_once")
        ]

    def __str__(self) -> str:
        return f"assertion of {self.client_id}"


class HeldInstance(models.Model):
    """A DICOM file that a record holds: its keyed hash, so that sending it again stores nothing."""

    organisation_id = models.UUIDField()
    digest = models.CharField(max_length=64)
    record_id = models.CharField(max_length=36, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation_id", "digest"], name="instance_held_once")
        ]

    def __str__(self) -> str:
        return f"an instance in record {self.record_id}"
