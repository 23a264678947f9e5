"""What can go wrong in storage, as types.

Each error says who failed (the caller, a provider, the stored bytes), what was expected and what was
found, and what to do next. No message holds a key, a plaintext or a person's data: record ids and content
ids are random or hashes.
"""

from collections.abc import Mapping


class StorageError(Exception):
    """Any failure of the storage app."""


class CallerError(StorageError):
    """The caller passed something storage cannot accept; nothing was stored or read."""


class WrongKey(StorageError):
    """The data key does not open this record: its commitment differs from the manifest's."""

    def __init__(self, cid: str) -> None:
        super().__init__(f"the data key is not the one manifest {cid} commits to; ask for the right grant")
        self.cid = cid


class KeyReused(CallerError):
    """This data key has encrypted before: a second plaintext under it would repeat nonces."""

    def __init__(self, record_id: str) -> None:
        super().__init__(f"the data key offered for record {record_id} was used before; make a fresh one")
        self.record_id = record_id


class UnknownManifest(CallerError):
    """No stored record has this content id (never stored, not finished, or erased)."""

    def __init__(self, cid: str) -> None:
        super().__init__(f"no stored record has manifest {cid}")
        self.cid = cid


class ManifestInvalid(StorageError):
    """Manifest bytes that format v1 refuses; `code` is stable and shared with JavaScript."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"manifest refused ({code}): {reason}")
        self.code = code


class ChunkInvalid(StorageError):
    """A ciphertext chunk does not authenticate at its place: altered, moved or cut."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"chunk {index}: {reason}; do not use any byte of it")
        self.index = index


class InconsistentStripe(StorageError):
    """Every shard read matches its hash, yet they are not one code word: the writer lied or was broken."""

    def __init__(self, stripe: int, slot: int) -> None:
        super().__init__(
            f"stripe {stripe}: rebuilt shard {slot} does not match its hash; the record was badly written"
        )
        self.stripe, self.slot = stripe, slot


class NotEnoughShards(StorageError):
    """Fewer than k right shards of a stripe could be had; `per_provider` says what each one did wrong."""

    def __init__(self, needed: int, got: int, per_provider: Mapping[str, str]) -> None:
        told = "; ".join(f"{name}: {reason}" for name, reason in sorted(per_provider.items()))
        super().__init__(
            f"needed {needed} shards of a stripe, got {got} ({told}); restore a provider, then retry"
        )
        self.needed, self.got, self.per_provider = needed, got, dict(per_provider)


class NotEnoughProviders(StorageError):
    """The configured providers cannot hold n shards with at most n-k in one failure domain."""

    def __init__(self, needed: int, got: int) -> None:
        super().__init__(
            f"{needed} places in separate failure domains are needed, {got} can be had; add providers"
        )
        self.needed, self.got = needed, got


class UploadFailed(StorageError):
    """Too few providers took their shards; nothing of the upload is visible. Retry with fresh data keys."""

    def __init__(self, needed: int, got: int, per_provider: Mapping[str, str]) -> None:
        told = "; ".join(f"{name}: {reason}" for name, reason in sorted(per_provider.items()))
        super().__init__(
            f"needed {needed} providers to take the upload, {got} did ({told}); nothing was stored"
        )
        self.needed, self.got, self.per_provider = needed, got, dict(per_provider)


class UploadClosed(CallerError):
    """The upload was finished, failed, or was swept as abandoned; start a new one."""


class ConfigurationInvalid(CallerError):
    """The storage settings name no usable set of providers."""
