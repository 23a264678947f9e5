"""Rules of contribution: what an organisation's records earn it, and when.

- A record counts once its patient, the anchor's subject, has acknowledged it; each anchor is acknowledged
  once.
- The acknowledged records of an epoch are numbered per author. In the next epoch a sample of them is audited
  by others (rules/audit.py). At that epoch's end they earn: acknowledged · (passed - failed) / sample, never
  less than nothing. What was drawn and not audited did not pass.
- Credit is halved each epoch before what was earned is added: standing follows what is done now.
- Everything is kept per organisation and brought up to date when it is read, so that an election costs one
  read per candidate, however many records there are.
"""

from collections import Counter

import msgspec

from ledger.machine.context import Context, Outcome
from ledger.machine.entries import (
    AnchorEntry,
    ContributionEntry,
    ReceiptEntry,
    View,
    Write,
    contribution_key,
    receipt_key,
    write,
)
from ledger.machine.results import Event
from ledger.types.tx import RecordAcknowledged
from ledger.types.tx_errors import Code, Rejected

SAMPLE = 8
"""Records of one organisation that are audited per epoch; fewer where there are not so many."""


def acknowledge(context: Context, body: RecordAcknowledged) -> Outcome:
    """Raises Rejected: ANCHORS_MALFORMED, ANCHOR_UNKNOWN, ANCHOR_NOT_YOURS, ANCHOR_ACKNOWLEDGED."""
    if list(body.anchors) != sorted(set(body.anchors)):
        raise Rejected(Code.ANCHORS_MALFORMED, "anchors must be ascending, each once")
    authors = [_acknowledgeable(context, body, anchor).author for anchor in body.anchors]
    known = {author: contribution_of(context.view, author) for author in sorted(set(authors))}
    seen: Counter[str] = Counter()
    receipts = []
    for anchor, author in zip(body.anchors, authors, strict=True):
        receipt = ReceiptEntry(known[author].epoch, known[author].acknowledged + seen[author])
        receipts.append(write(receipt_key(anchor), receipt))
        seen[author] += 1
    counted = [_counted(author, entry, seen[author]) for author, entry in known.items()]
    event = Event("records_acknowledged", (("subject", body.subject), ("anchors", str(len(receipts)))))
    return Outcome((*receipts, *counted), (event,))


def present_epoch(view: View) -> int:
    """The number of the epoch in progress; 0 before there was any."""
    epoch = view.epoch()
    return epoch.number if epoch else 0


def contribution_of(view: View, did: str) -> ContributionEntry:
    """What the organisation has contributed, as of the present epoch."""
    now = present_epoch(view)
    return rolled(view.contribution(did) or ContributionEntry(now), now)


def rolled(entry: ContributionEntry, epoch: int) -> ContributionEntry:
    """The entry as it stands in `epoch`, which is its own or a later one."""
    behind = epoch - entry.epoch
    for _step in range(min(behind, 2)):  # after two epochs without a record only the credit is left
        entry = _next(entry)
    return ContributionEntry(epoch, credit=entry.credit >> behind - 2) if behind > 2 else entry


def sample_size(acknowledged: int) -> int:
    """How many of so many records are audited."""
    return min(SAMPLE, acknowledged)


def _next(entry: ContributionEntry) -> ContributionEntry:
    earned = 0
    if entry.before:
        earned = entry.before * max(0, entry.passed - entry.failed) // sample_size(entry.before)
    return ContributionEntry(entry.epoch + 1, before=entry.acknowledged, credit=entry.credit // 2 + earned)


def _acknowledgeable(context: Context, body: RecordAcknowledged, anchor: str) -> AnchorEntry:
    entry = context.view.anchor(anchor)
    if entry is None:
        raise Rejected(Code.ANCHOR_UNKNOWN, "no such record is anchored")
    if not body.author == body.subject == entry.subject:
        raise Rejected(Code.ANCHOR_NOT_YOURS, "only the record's subject acknowledges it")
    if context.view.receipt(anchor) is not None:
        raise Rejected(Code.ANCHOR_ACKNOWLEDGED, "this record is acknowledged already")
    return entry


def _counted(author: str, entry: ContributionEntry, more: int) -> Write:
    counted = msgspec.structs.replace(entry, acknowledged=entry.acknowledged + more)
    return write(contribution_key(author), counted)
