"""`manage.py ingest PATH… --organisation SLUG [--patient CODE] [--dry-run]`."""

from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError

from accounts import api as accounts
from interop.fhir.outcome import Refused
from interop.services.files import FileResult, Source, files_ingest
from wallet import api as wallet


class Command(BaseCommand):
    help = (
        "Take FHIR R4 JSON, NDJSON and DICOM files (or folders of them) as an organisation's records. "
        "A bad file is reported with the place, and the rest goes on; the same bytes twice make nothing new. "
        "The DICOM files of one study make one record."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--organisation", required=True, metavar="SLUG", help="whose records these are")
        parser.add_argument("--patient", metavar="CODE", help="the patient code, when files do not tell")
        parser.add_argument("--dry-run", action="store_true", help="check everything, store nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = accounts.organisation_by_slug(options["organisation"])
        if organisation is None:
            raise CommandError(f"There is no organisation {options['organisation']!r}.")
        sources = [Source(str(path), partial(_open, path)) for path in _files(options["paths"])]
        wrong = 0
        for number, (source, results) in enumerate(self._ingest(sources, organisation, options), 1):
            wrong += any(result.issues for result in results)
            self._report(f"[{number}/{len(sources)}] {source.name}", results)
        self.stdout.write(f"{len(sources) - wrong} of {len(sources)} files taken whole.")
        if wrong:
            raise CommandError(f"{wrong} of {len(sources)} files were refused or taken in part; see above.")

    def _ingest(
        self, sources: list[Source], organisation: accounts.Organisation, options: dict[str, Any]
    ) -> Iterator[tuple[Source, list[FileResult]]]:
        try:
            yield from files_ingest(
                organisation_id=organisation.id,
                sources=sources,
                patient_code=options["patient"],
                dry_run=options["dry_run"],
            )
        except Refused as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        except wallet.WalletError as error:
            # Storage or keys are down: going on would fail the same way for every file.
            raise CommandError(
                f"{error.message} {error.next} What was taken is safe; run it again."
            ) from error

    def _report(self, heading: str, results: list[FileResult]) -> None:
        new, known = sum(r.new for r in results), sum(r.known for r in results)
        self.stdout.write(f"{heading}: {new} new, {known} already here")
        for result in results:
            for issue in result.issues:
                line = f"line {result.line}: " if result.line else ""
                self.stderr.write(self.style.ERROR(f"    {line}{issue}"))


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _files(paths: list[Path]) -> Iterator[Path]:
    """The files named, and every regular file below the folders named, in order of name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.is_file())
        elif path.exists():
            yield path
        else:
            raise CommandError(f"{path}: no such file or folder.")
