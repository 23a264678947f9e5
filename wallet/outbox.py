"""Signed transactions on their way to the ledger: saved with the rows they belong to, then submitted.

Rules
- A row is queued in the transaction of what it is about; a crash after that loses nothing.
- Submission is repeated until the projector sees the commit: the same bytes twice are one transaction.
- An author's rows go in order of their ids: later ones wait behind a refused-for-now one, and behind a
  registration until it is committed. Anchors stand alone, wait for nobody, and go after all others.
- A refusal for good goes to the row's owner; a refusal for now, or no ledger, is tried again with backoff.
"""

import threading

from django.db import transaction
from django.db.models import QuerySet

from ledger.api import LedgerUnavailable, ProofInvalid, SignedTx, TxRejected, decode_tx
from ledger.api import NotFound as LedgerNotFound
from wallet import ports
from wallet.models import Outbox
from wallet.services.rejections import rejection_apply
from wallet.wires import tx_hash_hex

STANDALONE = {"RecordAnchored"}
BARRIERS = {"DidRegistered", "DidRotated", "OrganisationRegistered"}
RESUBMIT_MS = 10_000
ALONE_AT_ONCE = 20
_BACKOFF_MS = (100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 30_000)
_work = threading.Event()


def outbox_queue(signed: SignedTx | bytes, *, subject: str) -> Outbox:
    """Queue a transaction in the caller's database transaction; `subject` is the id of what it is about.

    The same bytes again return the row that is there.
    """
    tx = decode_tx(signed) if isinstance(signed, bytes) else signed
    row, _ = Outbox.objects.get_or_create(
        tx_hash=tx_hash_hex(tx),
        defaults={
            "wire": tx.wire,
            "type": type(tx.body).__name__,
            "author": tx.body.author,
            "subject": subject,
            "created_at": ports.now_ms(),
        },
    )
    transaction.on_commit(_work.set)
    return row


def outbox_wait(timeout_s: float) -> None:
    """Wait until something is queued in this process, at most `timeout_s`."""
    if _work.wait(timeout_s):
        _work.clear()


def outbox_step() -> int:
    """Submit what is due, once, in order per author; returns how many the ledger took or refused.

    Raises LedgerUnavailable when no validator answers; what is queued stays queued.
    """
    now = ports.now_ms()
    return _in_order(now) + _standing_alone(now)


def _in_order(now: int) -> int:
    done, held = 0, set[str]()
    for row in _queued().exclude(type__in=STANDALONE):
        if row.author in held:
            continue
        if row.due_at <= now:
            _submit(row, now)
            done += 1
        if _holds_back(row):
            held.add(row.author)
    return done


def _standing_alone(now: int) -> int:
    """Few at a time: a hospital's thousand anchors must not keep one consent waiting."""
    due = list(_queued().filter(type__in=STANDALONE, due_at__lte=now)[:ALONE_AT_ONCE])
    for row in due:
        _submit(row, now)
    return len(due)


def _queued() -> QuerySet[Outbox]:
    return Outbox.objects.filter(state=Outbox.State.QUEUED).order_by("id")


def _holds_back(row: Outbox) -> bool:
    if row.state != Outbox.State.QUEUED:
        return False
    return row.type in BARRIERS or not row.submitted


def _submit(row: Outbox, now: int) -> None:
    row.attempts += 1
    try:
        ports.ledger().submit(bytes(row.wire))
    except TxRejected as error:
        if error.permanent and not _is_committed(row):
            _reject(row, error.reason)
            return
        row.submitted, row.reason = False, error.reason[:200]
        row.due_at = now + _BACKOFF_MS[min(row.attempts, len(_BACKOFF_MS)) - 1]
    else:
        row.submitted, row.due_at = True, now + RESUBMIT_MS
    # Only what is still queued: the projector may have seen the commit in the meantime.
    fields = {name: getattr(row, name) for name in ("attempts", "submitted", "reason", "due_at")}
    Outbox.objects.filter(pk=row.pk, state=Outbox.State.QUEUED).update(**fields)


def _is_committed(row: Outbox) -> bool:
    """A replay's refusal may be our own earlier success: ask before believing it."""
    try:
        ports.ledger().proof_bundle(row.tx_hash)
    except LedgerNotFound:
        return False
    except ProofInvalid as error:
        raise LedgerUnavailable(str(error)) from error
    return True


def _reject(row: Outbox, reason: str) -> None:
    with transaction.atomic():
        left = Outbox.objects.filter(pk=row.pk, state=Outbox.State.QUEUED)
        if left.update(state=Outbox.State.REJECTED, reason=reason[:200], attempts=row.attempts):
            row.state = Outbox.State.REJECTED
            rejection_apply(row, reason)
