"""Print a sign-in link for one person."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.api import person_by_handle, sign_in_link_create


class Command(BaseCommand):
    help = "Print a link that signs one person in, once, within an hour."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("handle", help="the person's handle, e.g. li-mei")
        parser.add_argument("--hours", type=float, default=1.0, help="valid for this long (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        person = person_by_handle(options["handle"])
        if person is None:
            raise CommandError(f"nobody has the handle {options['handle']!r}")
        token = sign_in_link_create(
            person=person, now=timezone.now(), valid_for=timedelta(hours=options["hours"])
        )
        self.stdout.write(f"{settings.SALUS_PUBLIC_URL.rstrip('/')}/signin/{token}/")
