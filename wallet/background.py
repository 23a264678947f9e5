"""What runs beside requests: outbox, projector, expiry. Each in a thread of its own, until told to stop.

A step that fails is logged without its data and tried again with backoff; no step's failure stops another's.
"""

import logging
import threading
from collections.abc import Callable

from django.db import close_old_connections, connection

from ledger.api import LedgerUnavailable, ProofInvalid
from wallet import ports
from wallet.expiry import expire_step
from wallet.outbox import outbox_step, outbox_wait
from wallet.projector import project_step
from wallet.services.sealing import reseal_step

OUTBOX_EVERY_S = 0.25
PROJECT_WAIT_S = 1.0  # also how long a stop may take
EXPIRE_EVERY_S = 1.0
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
log = logging.getLogger(__name__)


def run_background(stop: threading.Event) -> None:
    """Run outbox, projector and expiry until `stop` is set; blocks. Errors are logged and retried."""
    steps = {"outbox": _outbox, "projector": _project, "expiry": lambda: _expire(stop)}
    threads = [
        threading.Thread(target=_loop, args=(name, step, stop), name=f"wallet-{name}", daemon=True)
        for name, step in steps.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _loop(name: str, step: Callable[[], object], stop: threading.Event) -> None:
    failures = 0
    while not stop.is_set():
        try:
            close_old_connections()
            step()
            failures = 0
        except (LedgerUnavailable, ProofInvalid) as error:
            failures += 1
            if failures == 1:
                log.warning("%s waits for the ledger: %s", name, error)
        except Exception as error:
            failures += 1
            log.error("%s failed and will try again: %s", name, type(error).__name__, exc_info=failures == 1)
        if failures:
            stop.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1])
    connection.close()


def _outbox() -> None:
    if not outbox_step():
        outbox_wait(OUTBOX_EVERY_S)


def _project() -> None:
    project_step(wait_s=PROJECT_WAIT_S)
    reseal_step()


def _expire(stop: threading.Event) -> None:
    expire_step(now=ports.now_ms())
    stop.wait(EXPIRE_EVERY_S)
