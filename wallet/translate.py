"""Turns errors of the layers below into the wallet's own, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

from ledger.api import CanonicalError, LedgerUnavailable, ProofInvalid, Rejected, TxRejected
from ledger.api import NotFound as LedgerNotFound
from storage.api import StorageError
from wallet.core import errors as core
from wallet.errors import Invalid, LedgerDown, NotFound, Refused, StorageDown


@contextmanager
def checking(what: str) -> Iterator[None]:
    """Whatever pure rules refuse inside becomes Invalid, said of `what`."""
    try:
        yield
    except (core.RuleError, Rejected, CanonicalError) as error:
        raise Invalid(f"{what}: {error}", next="Make and sign it again.") from error


@contextmanager
def asking_ledger() -> Iterator[None]:
    """The ledger's refusals and outages inside become the wallet's."""
    try:
        yield
    except TxRejected as error:
        raise Refused(f"The ledger refused it: {error.reason}") from error
    except (LedgerUnavailable, ProofInvalid) as error:
        raise LedgerDown(f"The ledger is unavailable: {error}") from error
    except LedgerNotFound as error:
        raise NotFound("The ledger holds no such transaction.") from error


@contextmanager
def asking_storage() -> Iterator[None]:
    """Storage's outages inside become StorageDown."""
    try:
        yield
    except StorageError as error:
        raise StorageDown(f"Storage: {error}") from error
