"""`manage.py storage_sweep`: remove what abandoned uploads and erasures left at the providers."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from storage.api import storage_from_settings


class Command(BaseCommand):
    """Plans, then executes; `--dry-run` only plans. Exit code 1 when something had to wait."""

    help = "Remove what abandoned uploads and erased records left at the storage providers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        storage = storage_from_settings()
        plan = storage.plan_sweep()
        self.stdout.write(f"to remove: {len(plan.uploads)} abandoned uploads, {len(plan.packs)} erased packs")
        if options["dry_run"]:
            return
        done = storage.sweep(plan)
        self.stdout.write(f"removed: {done.uploads} uploads, {done.packs} packs")
        for provider, reason in sorted(done.waiting.items()):
            self.stderr.write(f"left for the next sweep: {provider}: {reason}")
        if done.waiting:
            raise SystemExit(1)
