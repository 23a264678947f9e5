"""What the pages keep of their own: where each reader and the pump stand, and where push may ring."""

from typing import ClassVar

from django.db import models


class FeedAck(models.Model):
    """The last feed entry that any open page of the person has confirmed; push rings only beyond it."""

    person_id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.person_id} at {self.seq}"


class PumpCursor(models.Model):
    """How far the pump has fanned out the wallet's feed; one row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"pump at {self.position}"


class PushSubscription(models.Model):
    """One browser that agreed to be rung (W3C Push API): its service's URL and its public keys."""

    person_id = models.UUIDField(db_index=True)
    endpoint = models.URLField(max_length=1000, unique=True)
    p256dh = models.CharField(max_length=120)
    auth = models.CharField(max_length=60)
    language = models.CharField(max_length=10)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"push for {self.person_id}"


class PushDue(models.Model):
    """A bell to ring at `due_at` unless an open page confirms the entry first. Survives a restart."""

    person_id = models.UUIDField()
    seq = models.BigIntegerField()
    opaque_id = models.CharField(max_length=22)
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person_id", "seq"], name="one_bell_an_entry")
        ]

    def __str__(self) -> str:
        return f"bell for {self.person_id} {self.seq}"
