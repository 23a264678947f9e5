"""The block explorer: health, blocks, transactions, validators and evidence, in plain words."""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.api import Person, Role
from ledger.api import LedgerError, LedgerUnavailable
from oversight import selectors
from oversight.fields import fields
from oversight.sentences import by_type, sentence, step_words, type_words

View = Callable[..., HttpResponseBase]
TXS_PER_PAGE = 50


def regulator_page(view: View) -> View:
    """Regulators and operators only; a ledger that does not answer is said, not hidden."""

    @never_cache
    @require_GET
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, Person):
            return redirect("home")
        if request.user.role not in (Role.REGULATOR, Role.OPERATOR):
            raise PermissionDenied
        try:
            return view(request, *args, **kwargs)
        except (LedgerUnavailable, FileNotFoundError):
            return render(request, "oversight/unavailable.html", {"wrong": False}, status=503)
        except LedgerError:
            # A validator answered what does not verify: never shown as data.
            return render(request, "oversight/unavailable.html", {"wrong": True}, status=502)

    return wrapped


def _number(request: HttpRequest, name: str) -> int | None:
    asked = request.GET.get(name, "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 16 else None


@regulator_page
def home(request: HttpRequest) -> HttpResponseBase:
    """Ledger health, transactions by type, validators, latest blocks."""
    before = _number(request, "before")
    validators = selectors.validators()
    health = selectors.health(validators)
    recent = selectors.blocks() if health.status.height else []
    page = selectors.blocks(before) if before and recent else recent
    counts = selectors.event_counts() if recent else None
    context = {
        "health": health,
        "status": health.status,
        "blocks": page,
        "before": before,
        "older": page[-1].height if page and page[-1].height > 1 else None,
        "validators": selectors.validator_lines(validators, recent),
        "names": selectors.names((block.proposer for block in page), validators),
        "counts": counts,
        "types": by_type(counts.counts) if counts else [],
    }
    return render(request, "oversight/home.html", context)


@regulator_page
def block(request: HttpRequest, height: int) -> HttpResponseBase:
    """One block with its transactions in plain words."""
    detail = selectors.block(height) if height > 0 else None
    if detail is None:
        raise Http404
    summary, validators = detail.summary, selectors.validators()
    told = (*summary.signed_by, summary.proposer, *(fault.address for fault in summary.faults))
    names = selectors.names(told, validators)
    page = Paginator(detail.transactions, TXS_PER_PAGE).get_page(request.GET.get("page"))
    types = Counter(tx.body["type"] for tx in detail.transactions)
    context = {
        "detail": detail,
        "page": page,
        "transactions": [(tx.tx_hash, sentence(tx.body)) for tx in page],
        "types": [(type_words(type_), count) for type_, count in types.most_common()],
        "signers": [names[address] for address in summary.signed_by],
        "last": selectors.ledger().status().height,
        "names": names,
    }
    return render(request, "oversight/block.html", context)


@regulator_page
def transaction(request: HttpRequest, tx_hash: str) -> HttpResponseBase:
    """One transaction in words and with all its fields, its inclusion proven."""
    detail = selectors.transaction(tx_hash) if _is_hash(tx_hash) else None
    if detail is None:
        return _not_found(request, tx_hash)
    validators = selectors.validators()
    names = selectors.names(detail.signed_by, validators)
    context = {
        "detail": detail,
        "told": sentence(detail.body),
        "fields": fields(detail.body),
        "place": detail.committed.cursor.index + 1,
        "signers": [names[address] for address in detail.signed_by],
    }
    return render(request, "oversight/transaction.html", context)


@regulator_page
def validators(request: HttpRequest) -> HttpResponseBase:
    """Every validator: power, signatures, and what became of it."""
    known = selectors.validators()
    health = selectors.health(known)
    recent = selectors.blocks(limit=selectors.LOOK_BACK) if health.status.height else []
    steps, former = selectors.validator_history()
    lines = selectors.validator_lines(known, recent)
    context = {
        "health": health,
        "lines": [(line, [step_words(step) for step in steps.get(line.info.address, [])]) for line in lines],
        "former": [(one, [step_words(step) for step in steps[one.address]]) for one in former],
        "of": len(recent),
    }
    return render(request, "oversight/validators.html", context)


@regulator_page
def evidence(request: HttpRequest) -> HttpResponseBase:
    """Validators that blocks prove to have voted twice."""
    found = [(block, fault) for block in selectors.blocks_with_faults() for fault in block.faults]
    names = selectors.names((fault.address for _, fault in found), selectors.validators())
    return render(request, "oversight/evidence.html", {"found": found, "names": names})


@regulator_page
def search(request: HttpRequest) -> HttpResponseBase:
    """To the block or the transaction that was asked for by height or hash."""
    asked = request.GET.get("q", "").strip()[:80]
    if (height := _number(request, "q")) is not None:
        found = selectors.block(height) if height else None
        return redirect("oversight:block", height) if found else _not_found(request, asked)
    plain = asked.removeprefix("0x")
    if _is_hash(plain):
        if selectors.transaction(plain) is not None:
            return redirect("oversight:transaction", plain.upper())
        if (of_block := selectors.height_of(plain)) is not None:
            return redirect("oversight:block", of_block)
    return _not_found(request, asked)


def _not_found(request: HttpRequest, asked: str) -> HttpResponseBase:
    context = {"asked": asked, "readable": _is_hash(asked.removeprefix("0x")) or asked.isdigit()}
    return render(request, "oversight/not_found.html", context, status=404)


def _is_hash(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdefABCDEF" for letter in text)
