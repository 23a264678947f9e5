"""Drop the rows that mirror the ledger and replay it: the rows come out the same."""

from typing import Any

from django.core.management.base import BaseCommand

from wallet.api import projection_rebuild


class Command(BaseCommand):
    help = "Rebuild every row that mirrors the ledger. Stop `manage.py project` and the web process first."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(f"{projection_rebuild()} events replayed")
