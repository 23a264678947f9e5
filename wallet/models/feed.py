"""The outbox towards the ledger, the feed towards people, and rate windows."""

from typing import ClassVar

from django.db import models


class Outbox(models.Model):
    """A signed transaction on its way to the ledger, in the order of ids per author."""

    class State(models.TextChoices):
        QUEUED = "queued"
        COMMITTED = "committed"
        REJECTED = "rejected"

    id = models.BigAutoField(primary_key=True)
    tx_hash = models.CharField(max_length=64, unique=True)
    wire = models.BinaryField()
    type = models.CharField(max_length=24)
    author = models.CharField(max_length=120, db_index=True)
    subject = models.CharField(max_length=80, help_text="the id of what it registers, anchors or ends")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    submitted = models.BooleanField(default=False, help_text="a validator took it at least once")
    due_at = models.BigIntegerField(default=0, help_text="not to be submitted (again) before this time")
    created_at = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["state", "id"])]

    def __str__(self) -> str:
        return self.tx_hash


class FeedHead(models.Model):
    """The last number given: key "" counts positions over all persons, else a person's seq."""

    key = models.CharField(primary_key=True, max_length=36)
    last = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.key} {self.last}"


class FeedEntry(models.Model):
    """Something a person should see. `payload` holds ids only; `once` keeps a replay from saying it twice."""

    position = models.BigIntegerField(primary_key=True)
    person_id = models.UUIDField()
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=24)
    payload = models.JSONField()
    once = models.CharField(max_length=120)
    created_at = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person_id", "seq"], name="feed_seq_once"),
            models.UniqueConstraint(fields=["person_id", "once"], name="feed_said_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.seq}"


class RateWindow(models.Model):
    """How often `key` acted in the window that began at `start` (ms)."""

    key = models.CharField(max_length=80, primary_key=True)
    start = models.BigIntegerField()
    count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.key
