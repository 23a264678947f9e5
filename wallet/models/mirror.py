"""Rows that mirror the ledger: the projector alone writes them, and `projection_rebuild` remakes them."""

from typing import ClassVar

from django.db import models


class Consent(models.Model):
    """A committed `ConsentGranted` and what became of it."""

    consent_id = models.CharField(primary_key=True, max_length=22)
    subject = models.CharField(max_length=80, db_index=True)
    artefact = models.CharField(max_length=43)
    handles_root = models.CharField(max_length=43)
    valid_from = models.BigIntegerField()
    valid_until = models.BigIntegerField()
    max_opens = models.PositiveIntegerField()
    opens = models.PositiveIntegerField(default=0)
    custody = models.CharField(max_length=10)
    revoked = models.BooleanField(default=False)
    tx_hash = models.CharField(max_length=64)
    height = models.BigIntegerField()

    def __str__(self) -> str:
        return self.consent_id


class AccessEvent(models.Model):
    """A committed `AccessOpened`: `at` is its block's time in ms."""

    tx_hash = models.CharField(primary_key=True, max_length=64)
    consent_id = models.CharField(max_length=22, db_index=True)
    handles = models.JSONField()
    height = models.BigIntegerField()
    index = models.PositiveIntegerField()
    at = models.BigIntegerField()
    issued_at = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["-height", "-index"]

    def __str__(self) -> str:
        return self.tx_hash


class Cursor(models.Model):
    """How far the projector has read: the last event applied."""

    name = models.CharField(primary_key=True, max_length=20)
    height = models.BigIntegerField()
    index = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name} {self.height}.{self.index}"
