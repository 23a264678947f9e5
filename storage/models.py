"""What storage remembers: manifests, where their shards lie, and uploads that are not finished.

A record is visible exactly when its Manifest row exists. Placement is apart from the manifest, so that moving
a shard never changes a content id. No row holds a key, a person or an organisation.
"""

from django.db import models


class Manifest(models.Model):
    """A stored record's manifest by content id."""

    cid = models.CharField(primary_key=True, max_length=80)
    body = models.BinaryField()
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.cid


class Pack(models.Model):
    """One object at one provider, holding shards of many records of one upload.

    A doomed pack holds nothing that is visible; the sweep removes the object, then the row.
    """

    upload = models.CharField(max_length=32)
    provider = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    length = models.BigIntegerField()
    doomed = models.BooleanField(default=False, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="storage_pack_once")]

    def __str__(self) -> str:
        return f"{self.provider}:{self.name}"


class Placement(models.Model):
    """A run: the shards of one slot for consecutive stripes, one after the other in a pack from `offset`."""

    manifest = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="placements")
    slot = models.PositiveSmallIntegerField()
    first_stripe = models.PositiveIntegerField()
    stripes = models.PositiveIntegerField()
    pack = models.ForeignKey(Pack, on_delete=models.PROTECT, related_name="placements")
    offset = models.BigIntegerField()

    def __str__(self) -> str:
        return f"slot {self.slot} from stripe {self.first_stripe} of {self.manifest_id}"


class PendingUpload(models.Model):
    """An upload whose objects may exist without being visible; written before the first byte leaves.

    The uploader extends `lease_until` while it lives; once that has passed, the sweep may remove everything.
    """

    upload = models.CharField(primary_key=True, max_length=32)
    providers = models.JSONField()
    lease_until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.upload


class KeyUse(models.Model):
    """The fingerprint of a data key that has encrypted something, finished or not: never again."""

    fingerprint = models.BinaryField(primary_key=True, max_length=32)

    def __str__(self) -> str:
        return bytes(self.fingerprint).hex()
