"""Erasing a record, and sweeping what uploads and erasures left behind.

Rules
- Erasing removes the rows first: from then on the record does not exist. A pack object goes when its last
  record goes; in a pack still shared, ciphertext stays until then, and what makes it unreadable is that its
  data key is destroyed (the wallet's part).
- The sweep removes only what storage's own rows name: it never deletes an unknown object of a shared bucket.
- An upload may be swept once its lease ran out; from that moment on it cannot commit either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from storage.core.errors import UnknownManifest
from storage.models import Manifest, Pack, PendingUpload
from storage.providers.base import ProviderError

from .get import NOT_CONFIGURED
from .lanes import Lane
from .put import pack_prefix


@dataclass(frozen=True, slots=True)
class Erased:
    """Pack objects removed, those whose removal waits for the sweep, and those kept for other records."""

    removed: int
    waiting: int
    shared: int


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """What a sweep would remove."""

    uploads: list[PendingUpload]
    packs: list[Pack]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did; `waiting` tells for each provider why something is left for the next."""

    uploads: int
    packs: int
    waiting: dict[str, str]


def erase_record(cid: str, lanes: Mapping[str, Lane], timeout: float) -> Erased:
    """Erase a record; raises UnknownManifest."""
    with transaction.atomic(durable=True):
        packs = Pack.objects.filter(placements__manifest_id=cid)
        ids = set(packs.values_list("pk", flat=True))
        if not Manifest.objects.filter(pk=cid).delete()[0]:
            raise UnknownManifest(cid)
        empty = Pack.objects.filter(pk__in=ids, placements__isnull=True)
        doomed_ids = list(empty.values_list("pk", flat=True))
        Pack.objects.filter(pk__in=doomed_ids).update(doomed=True)
    removed = _remove_packs(list(Pack.objects.filter(pk__in=doomed_ids)), lanes, timeout, {})
    return Erased(removed, len(doomed_ids) - removed, len(ids) - len(doomed_ids))


def plan_sweep(now: datetime) -> SweepPlan:
    """Uploads whose lease ran out before `now`, and doomed packs."""
    return SweepPlan(
        list(PendingUpload.objects.filter(lease_until__lt=now)), list(Pack.objects.filter(doomed=True))
    )


def execute_sweep(plan: SweepPlan, lanes: Mapping[str, Lane], timeout: float) -> Swept:
    """Carry out a plan; what a provider does not let go stays planned for the next sweep."""
    waiting: dict[str, str] = {}
    uploads = sum(_remove_upload(upload, lanes, timeout, waiting) for upload in plan.uploads)
    packs = _remove_packs(plan.packs, lanes, timeout, waiting)
    return Swept(uploads, packs, waiting)


def _remove_upload(
    upload: PendingUpload, lanes: Mapping[str, Lane], timeout: float, waiting: dict[str, str]
) -> bool:
    prefix = pack_prefix(upload.upload)
    gone = [_try(lanes, name, timeout, waiting, "abandon", prefix) for name in upload.providers]
    if not all(gone):
        return False
    upload.delete()
    return True


def _remove_packs(
    packs: list[Pack], lanes: Mapping[str, Lane], timeout: float, waiting: dict[str, str]
) -> int:
    gone = [pack.pk for pack in packs if _try(lanes, pack.provider, timeout, waiting, "delete", pack.name)]
    Pack.objects.filter(pk__in=gone).delete()
    return len(gone)


def _try(
    lanes: Mapping[str, Lane], provider: str, timeout: float, waiting: dict[str, str], verb: str, name: str
) -> bool:
    lane = lanes.get(provider)
    if lane is None:
        waiting[provider] = NOT_CONFIGURED
        return False
    act = lane.provider.abandon if verb == "abandon" else lane.provider.delete
    try:
        lane.submit(lambda: act(name)).result(timeout)
    except ProviderError as error:
        waiting[provider] = error.reason
        return False
    except TimeoutError:
        waiting[provider] = f"did not answer in {timeout:g} s"
        return False
    return True
