"""The regulator's pages: validators, blocks, one block in plain words."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.api import Person, Role
from ledger.api import LedgerError, LedgerUnavailable
from oversight import selectors
from oversight.sentences import Sentence, sentence

View = Callable[..., HttpResponseBase]


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


def _before(request: HttpRequest) -> int | None:
    asked = request.GET.get("before", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 16 else None


@regulator_page
def home(request: HttpRequest) -> HttpResponseBase:
    """Ledger health, validators, latest blocks."""
    before = _before(request)
    status = selectors.health()
    page = selectors.blocks(before) if status.height else []
    newest = selectors.blocks(None)[:1] if before and page else page[:1]
    context = {
        "status": status,
        "blocks": page,
        "before": before,
        "older": page[-1].height if page and page[-1].height > 1 else None,
        "validators": selectors.validator_lines(newest[0] if newest else None),
        "names": {v.address: v.moniker for v in selectors.ledger().validators()},
    }
    return render(request, "oversight/home.html", context)


@regulator_page
def block(request: HttpRequest, height: int) -> HttpResponseBase:
    """One block with its transactions in plain words."""
    detail = selectors.block(height) if height > 0 else None
    if detail is None:
        raise Http404
    validators = selectors.ledger().validators()
    told: list[tuple[str, Sentence]] = [(tx.tx_hash, sentence(tx.body)) for tx in detail.transactions]
    context = {
        "detail": detail,
        "transactions": told,
        "signers": [v.moniker for v in validators if v.address in detail.signed_by],
        "validators": len(validators),
        "names": {v.address: v.moniker for v in validators},
    }
    return render(request, "oversight/block.html", context)
