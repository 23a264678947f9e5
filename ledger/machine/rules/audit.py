"""Rules of audits: others examine a sample of an organisation's records, and nobody chooses which or who.

- Audited is a sample of the records that were acknowledged in the epoch before. The records are numbered; the
  sample takes one of each of equal stretches, at a place that follows from the draw's seed. The seed is the
  app hash before the epoch's first block: when a record was anchored and acknowledged it was not known yet.
- Each drawn record has one auditor, drawn alike: a hospital, an authority or a regulator of those active when
  the epoch began, never the record's author. Nobody else's audit of it is taken.
- An auditor may find otherwise later in the same epoch: the last outcome counts, in place of the first.
- An auditor who colludes with the author passes only the share that is drawn to it; where as many fail as
  pass, nothing is earned.
"""

import msgspec

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import (
    AnchorEntry,
    ContributionEntry,
    DrawEntry,
    ReceiptEntry,
    contribution_key,
    receipt_key,
    write,
)
from ledger.machine.results import Event
from ledger.machine.rules.contribution import contribution_of, present_epoch, sample_size
from ledger.machine.rules.organisation import active_organisation
from ledger.types.canonical import b64u_decode, tagged_hash
from ledger.types.tx import RecordAudited
from ledger.types.tx_errors import Code, Rejected

AUDITOR_KINDS = ("authority", "hospital", "regulator")


def audit(context: Context, body: RecordAudited) -> Outcome:
    """Raises Rejected: NOT_ORGANISATION, ANCHOR_UNKNOWN, AUDIT_NOT_DRAWN, AUDIT_NOT_YOURS, AUDIT_REPEATED."""
    active_organisation(context, body.author)
    anchor = context.view.anchor(body.anchor)
    if anchor is None:
        raise Rejected(Code.ANCHOR_UNKNOWN, "no such record is anchored")
    receipt = _drawn_receipt(context, body)
    entry = contribution_of(context.view, anchor.author)
    if body.author != auditor_of(context.view.draw(), anchor.author, receipt.index, entry.before):
        raise Rejected(Code.AUDIT_NOT_YOURS, "this record is not drawn for an audit by this organisation")
    if receipt.audit == body.outcome:
        raise Rejected(Code.AUDIT_REPEATED, "this outcome is on the ledger already")
    return _outcome(body, anchor, receipt, entry)


def _drawn_receipt(context: Context, body: RecordAudited) -> ReceiptEntry:
    receipt = context.view.receipt(body.anchor)
    if receipt is None or receipt.epoch != present_epoch(context.view) - 1:
        raise Rejected(
            Code.AUDIT_NOT_DRAWN, "audited are records that were acknowledged in the epoch before this one"
        )
    return receipt


def auditor_of(draw: DrawEntry | None, author: str, index: int, records: int) -> str | None:
    """Who audits record number `index` of the author's `records` of the last epoch; None: nobody, it is not
    of the sample, or there is nobody but the author."""
    auditors = [did for did in draw.auditors if did != author] if draw else []
    if draw is None or not auditors or not 0 <= index < records:
        return None
    size = sample_size(records)
    stretch = index * size // records
    if index != _place(draw, author, stretch, records):
        return None
    return auditors[_number(draw, author, stretch, "auditor") % len(auditors)]


def sample_of(draw: DrawEntry, author: str, records: int) -> tuple[int, ...]:
    """The numbers of the author's records that are drawn, ascending."""
    return tuple(_place(draw, author, stretch, records) for stretch in range(sample_size(records)))


def _place(draw: DrawEntry, author: str, stretch: int, records: int) -> int:
    """The drawn index in stretch number `stretch`: those records i with i · size // records in it."""
    size = sample_size(records)
    first, end = -(-stretch * records // size), -(-(stretch + 1) * records // size)
    return first + _number(draw, author, stretch, "record") % (end - first)


def _number(draw: DrawEntry, author: str, stretch: int, what: str) -> int:
    parts = (b64u_decode(draw.seed, 32), author.encode(), what.encode(), stretch.to_bytes(4, "big"))
    return int.from_bytes(tagged_hash("salus/audit-draw/v1", *parts), "big")


def _outcome(
    body: RecordAudited, anchor: AnchorEntry, receipt: ReceiptEntry, entry: ContributionEntry
) -> Outcome:
    passed, failed = entry.passed, entry.failed
    if receipt.audit:
        passed, failed = passed - (receipt.audit == "passed"), failed - (receipt.audit == "failed")
    passed, failed = passed + (body.outcome == "passed"), failed + (body.outcome == "failed")
    counted = msgspec.structs.replace(entry, passed=passed, failed=failed)
    writes = (
        write(receipt_key(body.anchor), msgspec.structs.replace(receipt, audit=body.outcome)),
        write(contribution_key(anchor.author), counted),
    )
    return Outcome(writes, (Event("record_audited", (("anchor", body.anchor), ("outcome", body.outcome))),))
