"""The door of storage: everything else in the app is private.

A record version goes in as a stream with its own fresh data key and comes out by its manifest's content id.
Writing calls must not run inside a database transaction: what has left for a provider cannot be rolled back.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import BinaryIO

from django.conf import settings
from django.utils import timezone

from storage.core.cipher import ChunkCipher, is_committed
from storage.core.errors import (
    CallerError,
    ChunkInvalid,
    ConfigurationInvalid,
    InconsistentStripe,
    KeyReused,
    ManifestInvalid,
    NotEnoughProviders,
    NotEnoughShards,
    StorageError,
    UnknownManifest,
    UploadClosed,
    UploadFailed,
    WrongKey,
)
from storage.core.manifest import Manifest, content_id, parse_manifest
from storage.models import Manifest as ManifestRow
from storage.providers.base import Provider, ProviderError
from storage.providers.metering import MeteredProvider, ProviderHealth
from storage.providers.retry import RetryProvider
from storage.providers.urls import provider_from_url
from storage.services.erase import Erased, SweepPlan, Swept, erase_record, execute_sweep, plan_sweep
from storage.services.get import RecordReader, plaintext_chunks
from storage.services.lanes import Lane
from storage.services.policy import Policy
from storage.services.put import StoredRecord, Upload
from storage.services.rows import extents_of

__all__ = [
    "CallerError",
    "ChunkInvalid",
    "ConfigurationInvalid",
    "Erased",
    "InconsistentStripe",
    "KeyReused",
    "Manifest",
    "ManifestInvalid",
    "NotEnoughProviders",
    "NotEnoughShards",
    "Policy",
    "ProviderHealth",
    "Storage",
    "StorageError",
    "StoredRecord",
    "Swept",
    "UnknownManifest",
    "Upload",
    "UploadClosed",
    "UploadFailed",
    "WrongKey",
    "content_id",
    "parse_manifest",
    "storage_from_settings",
    "stream_in_thread",
]

PROBE_SECONDS = 5.0


class Storage:
    """Records over a set of providers. Thread-safe; one per process is enough."""

    def __init__(self, providers: list[Provider], policy: Policy) -> None:
        names = [provider.name for provider in providers]
        if len(set(names)) != len(names) or len(names) < policy.n:
            raise ConfigurationInvalid(
                f"{policy.n} or more providers of different names are needed, got {names}"
            )
        self.policy = policy
        self._lanes: Mapping[str, Lane] = {p.name: Lane(MeteredProvider(p)) for p in providers}

    def put(self, source: BinaryIO, *, record_id: str, version: int, data_key: bytes) -> StoredRecord:
        """Store a record version (`record_id` a UUID 4, `version` from 1, `data_key` 32 fresh random bytes).

        Streams with bounded memory. Raises UploadFailed, NotEnoughProviders, KeyReused or CallerError; then
        nothing of it is visible.
        """
        with self.upload() as upload:
            return upload.put(source, record_id=record_id, version=version, data_key=data_key)

    def upload(self) -> AbstractContextManager[Upload]:
        """Many records that share packs: visible together when the block ends well, else none."""
        return Upload(self.policy, self._lanes)

    def manifest(self, cid: str) -> bytes:
        """The manifest's bytes; raises UnknownManifest."""
        body = ManifestRow.objects.filter(pk=cid).values_list("body", flat=True).first()
        if body is None:
            raise UnknownManifest(cid)
        return bytes(body)

    def read_ciphertext(self, cid: str, *, first: int = 0, count: int | None = None) -> Iterator[bytes]:
        """Ciphertext chunks (each up to 1 MiB + 16 bytes), each shard's hash checked before its bytes leave.

        `first`, `count`: a range of chunks. Raises UnknownManifest at once; NotEnoughShards or
        InconsistentStripe while iterating, and then never a wrong byte.
        """
        return map(bytes, self._reader(cid).chunks(first, count))

    def read(self, cid: str, data_key: bytes, *, first: int = 0, count: int | None = None) -> Iterator[bytes]:
        """Plaintext chunks (each up to 1 MiB). Raises WrongKey at once; otherwise as `read_ciphertext`."""
        reader = self._reader(cid)
        m = reader.manifest
        if not is_committed(data_key, m.record, m.record_version, m.key_commitment):
            raise WrongKey(cid)
        return plaintext_chunks(reader, ChunkCipher(data_key, m.record, m.record_version), first, count)

    def erase(self, cid: str) -> Erased:
        """Remove a record: invisible at once; its objects go when no other record shares them."""
        return erase_record(cid, self._lanes, self.policy.write_timeout)

    def health(self) -> list[ProviderHealth]:
        """Each provider as it is now: probed, with what this process has seen of it."""
        probes = [(lane, lane.submit(lane.provider.probe)) for lane in self._lanes.values()]
        for lane, probe in probes:
            try:
                probe.result(PROBE_SECONDS)
            except ProviderError:
                continue  # the meter has counted it
            except TimeoutError:
                lane.provider.meter.fault("did not answer a probe")
        return [lane.provider.health() for lane in self._lanes.values()]

    def plan_sweep(self) -> SweepPlan:
        """What abandoned uploads and erasures have left."""
        return plan_sweep(timezone.now())

    def sweep(self, plan: SweepPlan | None = None) -> Swept:
        """Remove it."""
        return execute_sweep(plan or self.plan_sweep(), self._lanes, self.policy.write_timeout)

    def _reader(self, cid: str) -> RecordReader:
        return RecordReader(
            parse_manifest(self.manifest(cid), cid), extents_of(cid), self._lanes, self.policy
        )


def storage_from_settings() -> Storage:
    """The Storage that the settings SALUS_STORAGE_* name; one per process and configuration."""
    n = settings.SALUS_STORAGE_N
    policy = Policy(
        k=settings.SALUS_STORAGE_K,
        n=n,
        min_write=getattr(settings, "SALUS_STORAGE_MIN_WRITE", n),
        lease=getattr(settings, "SALUS_STORAGE_LEASE_S", Policy.lease),
    )
    return _storage(tuple(settings.SALUS_STORAGE_PROVIDERS), policy)


@lru_cache(maxsize=8)
def _storage(urls: tuple[str, ...], policy: Policy) -> Storage:
    return Storage([RetryProvider(provider_from_url(url)) for url in urls], policy)


async def stream_in_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """A storage stream for an async response: each chunk is awaited on a thread, so it stays a stream."""
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk
