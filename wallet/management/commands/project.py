"""Run outbox, projector and expiry in a process of their own (production: one beside the web processes)."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from wallet.api import run_background


class Command(BaseCommand):
    help = "Submit the outbox, project the ledger into rows and end what has expired, until stopped."

    def handle(self, *_args: Any, **_options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("projecting; Ctrl-C stops")
        run_background(stop)
