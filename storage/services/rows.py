"""Placement rows: written by an upload, read by a reader."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from storage.models import Pack, Placement


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive stripes of a record: their shards lie one after the other in a segment of each slot."""

    segment: int
    offset: int
    first_stripe: int
    stripes: int

    def longer(self) -> "Run":
        """The run with one more stripe."""
        return replace(self, stripes=self.stripes + 1)


@dataclass(frozen=True, slots=True)
class StoredSlot:
    """A slot of an upload: its provider and its pack objects, by segment."""

    slot: int
    provider: str
    objects: Sequence[str]


@dataclass(frozen=True, slots=True)
class Extent:
    """Where one slot's shards of some stripes lie."""

    slot: int
    provider: str
    name: str
    offset: int
    first_stripe: int
    stripes: int


def save_placements(
    upload: str, slots: Sequence[StoredSlot], lengths: Sequence[int], runs: Mapping[str, Sequence[Run]]
) -> None:
    """Write Pack and Placement rows for an upload's records (by CID); inside the caller's transaction."""
    packs = {(pack.provider, pack.name): pack for pack in _make_packs(upload, slots, lengths, doomed=False)}
    Placement.objects.bulk_create(
        Placement(
            manifest_id=cid,
            slot=slot.slot,
            first_stripe=run.first_stripe,
            stripes=run.stripes,
            pack=packs[slot.provider, slot.objects[run.segment]],
            offset=run.offset,
        )
        for cid, record_runs in runs.items()
        for run in record_runs
        for slot in slots
    )


def doomed_packs(upload: str, slots: Sequence[StoredSlot], lengths: Sequence[int]) -> None:
    """Remember objects that a failed slot may have left, for the sweep."""
    _make_packs(upload, slots, lengths, doomed=True)


def _make_packs(
    upload: str, slots: Iterable[StoredSlot], lengths: Sequence[int], *, doomed: bool
) -> list[Pack]:
    return Pack.objects.bulk_create(
        Pack(upload=upload, provider=slot.provider, name=name, length=length, doomed=doomed)
        for slot in slots
        for name, length in zip(slot.objects, lengths, strict=True)
    )


def extents_of(cid: str) -> list[Extent]:
    """Where a record's shards lie, read at once."""
    rows = Placement.objects.filter(manifest_id=cid).values_list(
        "slot", "pack__provider", "pack__name", "offset", "first_stripe", "stripes"
    )
    return [Extent(*row) for row in rows]
