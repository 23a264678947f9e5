"""`manage.py runthin --home DIR`: become a thin node."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ledger.thin import __main__ as thin


class Command(BaseCommand):
    """Replaces this process by `python -m ledger.thin`, which imports no Django."""

    help = thin.__doc__ or ""
    requires_system_checks: list[str] = []  # type: ignore[assignment]

    def add_arguments(self, parser: ArgumentParser) -> None:
        thin.add_arguments(parser)
        parser.epilog = thin.EXAMPLES.format(command="manage.py runthin")

    def handle(self, *args: Any, **options: Any) -> None:
        command = [sys.executable, "-m", "ledger.thin", *thin.arguments_of(options)]
        os.execv(sys.executable, command)  # noqa: S606
