"""Putting records: all of an upload becomes visible at once, or none of it.

Order of events, each safe to die after
1. A PendingUpload row names the providers, before any byte leaves.
2. A KeyUse row per data key, before that key encrypts: it never encrypts a second plaintext.
3. Shards are appended to pack objects, which providers show only when finished.
4. One transaction turns the pending row into Manifest, Pack and Placement rows. Only now is anything visible.
An upload that dies before 4 leaves orphans that its pending row names; the sweep removes them.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import BinaryIO

from django.db import IntegrityError, transaction
from django.utils import timezone

from storage.core.cipher import KEY_BYTES, ChunkCipher, key_commitment, key_fingerprint
from storage.core.errors import CallerError, KeyReused, UploadClosed, UploadFailed
from storage.core.layout import Layout
from storage.core.manifest import MAX_VERSION, RECORD_ID, Manifest, content_id
from storage.core.placement import Candidate, choose_providers
from storage.models import KeyUse, PendingUpload
from storage.models import Manifest as ManifestRow
from storage.providers.base import ProviderError

from .encode import CodedStripe, ShardHasher, coded_stripes
from .lanes import Lane
from .policy import Policy
from .rows import Run, StoredSlot, doomed_packs, save_placements
from .slot_writer import SlotWriter

CLEANUP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """What the ledger anchors of a record: manifest (CID), root (32 bytes), codec; sizes in bytes."""

    manifest: str
    root: bytes
    codec: str
    size: int
    stored_size: int


def pack_prefix(upload: str) -> str:
    """All objects of an upload begin so."""
    return f"packs/{upload}/"


@dataclass(slots=True)
class _Pen:
    """Where the next shard goes in every slot's pack: all slots advance together."""

    limit: int
    segment: int = 0
    offset: int = 0
    lengths: list[int] = field(default_factory=lambda: [0])

    def advance(self, size: int) -> tuple[int, int]:
        """Segment and offset of a shard of this size; a shard never straddles two objects."""
        if self.offset and self.offset + size > self.limit:
            self.segment, self.offset = self.segment + 1, 0
            self.lengths.append(0)
        at = self.segment, self.offset
        self.offset += size
        self.lengths[-1] = self.offset
        return at


class Upload:
    """Several records stored together; a context manager. Must not run inside a database transaction."""

    def __init__(self, policy: Policy, lanes: Mapping[str, Lane]) -> None:
        self._policy, self._lanes = policy, lanes
        self._id = secrets.token_hex(16)
        self._pen = _Pen(policy.segment)
        self._writers: list[SlotWriter] = []
        self._manifests: dict[str, bytes] = {}
        self._runs: dict[str, list[Run]] = {}
        self._renew_at = timezone.now()
        self._closed = False

    def __enter__(self) -> "Upload":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
        elif not self._closed:
            self.commit()

    def put(self, source: BinaryIO, *, record_id: str, version: int, data_key: bytes) -> StoredRecord:
        """Store one record version; visible after the upload commits.

        `data_key`: 32 fresh random bytes. Any failure fails the whole upload. Raises CallerError, KeyReused,
        UploadFailed, NotEnoughProviders, or what `source` raises.
        """
        if self._closed:
            raise UploadClosed("this upload has ended; start a new one")
        _check_arguments(record_id, version, data_key)
        try:
            if not self._writers:
                self._begin()
            _reserve_key(record_id, data_key)
            return self._store(source, record_id, version, data_key)
        except BaseException:
            self.abort()
            raise

    def commit(self) -> None:
        """Finish all objects and make the records visible; raises UploadFailed or UploadClosed."""
        if self._closed:
            raise UploadClosed("this upload has ended; start a new one")
        try:
            if self._writers:
                self._finish_objects()
                self._make_visible()
            self._closed = True
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Drop everything; what cannot be removed now is left for the sweep. Does nothing after the end."""
        if self._closed:
            return
        self._closed = True
        for writer in self._writers:
            writer.cancel()
        if self._writers and self._clean_up():
            PendingUpload.objects.filter(pk=self._id).delete()

    def _begin(self) -> None:
        p = self._policy
        candidates = [
            Candidate(name, lane.provider.domain, lane.provider.meter.healthy)
            for name, lane in self._lanes.items()
        ]
        chosen = choose_providers(candidates, k=p.k, n=p.n, seed=self._id.encode())
        now = timezone.now()
        with transaction.atomic(durable=True):
            PendingUpload.objects.create(
                upload=self._id, providers=list(chosen), lease_until=now + self._lease
            )
        self._renew_at = now + self._lease / 3
        self._writers = [
            SlotWriter(slot, self._lanes[name].provider, self._object_name)
            for slot, name in enumerate(chosen)
        ]

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self._policy.lease)

    def _object_name(self, segment: int) -> str:
        return f"{pack_prefix(self._id)}{segment}"

    def _store(self, source: BinaryIO, record_id: str, version: int, data_key: bytes) -> StoredRecord:
        p = self._policy
        cipher, hasher = ChunkCipher(data_key, record_id, version), ShardHasher()
        runs: list[Run] = []
        size = 0
        for stripe in coded_stripes(source, cipher, k=p.k, n=p.n, chunk=p.chunk):
            hasher.add(stripe.shards)
            self._write_stripe(stripe, runs)
            size += stripe.plain_bytes
        manifest = Manifest(
            record=record_id,
            record_version=version,
            layout=Layout(size, p.chunk, p.k, p.n),
            key_commitment=key_commitment(data_key, record_id, version),
            shards=hasher.finish(),
        )
        body = manifest.encode()
        cid = content_id(body)
        self._manifests[cid], self._runs[cid] = body, runs
        return StoredRecord(cid, manifest.root, manifest.codec, size, manifest.layout.stored_size)

    def _write_stripe(self, stripe: CodedStripe, runs: list[Run]) -> None:
        segment, offset = self._pen.advance(len(stripe.shards[0]))
        if runs and runs[-1].segment == segment:
            runs[-1] = runs[-1].longer()
        else:
            runs.append(Run(segment, offset, stripe.index, 1))
        for writer, shard in zip(self._writers, stripe.shards, strict=True):
            writer.append(segment, shard, self._policy.write_timeout)
        self._require_enough()
        self._renew_lease()

    def _require_enough(self) -> None:
        failures = {w.provider.name: w.failure for w in self._writers if w.failure is not None}
        if self._policy.n - len(failures) < self._policy.min_write:
            raise UploadFailed(self._policy.min_write, self._policy.n - len(failures), failures)

    def _renew_lease(self) -> None:
        now = timezone.now()
        if now < self._renew_at:
            return
        alive = PendingUpload.objects.filter(pk=self._id, lease_until__gt=now)
        if not alive.update(lease_until=now + self._lease):
            raise UploadClosed(
                "the upload stood still for longer than its lease and was given up; start again"
            )
        self._renew_at = now + self._lease / 3

    def _finish_objects(self) -> None:
        for writer in self._writers:
            writer.close(self._policy.write_timeout)
        for writer in self._writers:
            writer.wait(self._policy.write_timeout)
            self._renew_lease()
        self._require_enough()

    def _make_visible(self) -> None:
        slots = [
            StoredSlot(w.slot, w.provider.name, [self._object_name(i) for i in range(len(self._pen.lengths))])
            for w in self._writers
        ]
        stored = [s for s, w in zip(slots, self._writers, strict=True) if w.failure is None]
        failed = [s for s, w in zip(slots, self._writers, strict=True) if w.failure is not None]
        with transaction.atomic(durable=True):
            alive = PendingUpload.objects.filter(pk=self._id, lease_until__gt=timezone.now())
            if not alive.delete()[0]:
                raise UploadClosed("the upload's lease ran out before it was finished; start again")
            ManifestRow.objects.bulk_create(ManifestRow(cid=c, body=b) for c, b in self._manifests.items())
            save_placements(self._id, stored, self._pen.lengths, self._runs)
            doomed_packs(self._id, failed, self._pen.lengths)

    def _clean_up(self) -> bool:
        """Whether no object and no writer of this upload is left anywhere."""
        ended = [writer.wait(CLEANUP_SECONDS / len(self._writers)) for writer in self._writers]
        prefix = pack_prefix(self._id)
        removals = [
            lane.submit(lambda lane=lane: lane.provider.abandon(prefix))  # type: ignore[misc]
            for lane in (self._lanes[w.provider.name] for w in self._writers)
        ]
        try:
            for removal in removals:
                removal.result(CLEANUP_SECONDS)
        except (ProviderError, TimeoutError):
            return False
        return all(ended)


def _check_arguments(record_id: str, version: int, data_key: bytes) -> None:
    if not RECORD_ID.fullmatch(record_id):
        raise CallerError("a record id is a lower-case UUID version 4")
    if not 1 <= version <= MAX_VERSION:
        raise CallerError(f"a record version is an integer from 1 to {MAX_VERSION}, not {version}")
    if len(data_key) != KEY_BYTES:
        raise CallerError(f"a data key has {KEY_BYTES} bytes, not {len(data_key)}")


def _reserve_key(record_id: str, data_key: bytes) -> None:
    try:
        with transaction.atomic(durable=True):
            KeyUse.objects.create(fingerprint=key_fingerprint(data_key))
    except IntegrityError:
        raise KeyReused(record_id) from None
