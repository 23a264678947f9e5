"""`manage.py runvalidator --home DIR`: become one validator's node."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Replaces this process by `python -m ledger.node`, which imports no Django."""

    help = "Run one validator of the ledger from its home folder (see `devnet init`)."
    requires_system_checks: list[str] = []  # type: ignore[assignment]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--home", required=True, help="the validator's home folder")

    def handle(self, *args: Any, **options: Any) -> None:
        os.execv(sys.executable, [sys.executable, "-m", "ledger.node", "--home", options["home"]])  # noqa: S606
