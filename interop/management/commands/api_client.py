"""`manage.py api_client create|list|stop`: the programs that may call the FHIR and DICOMweb addresses."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.management.base import BaseCommand, CommandError

from accounts import api as accounts
from interop.smart.clients import api_client_create, api_client_stop, api_clients


class Command(BaseCommand):
    help = (
        "Register, list and stop an organisation's programs. A program gets a five-minute token at "
        "/oauth/token by its secret (shown once) or by a JWT that its Ed25519 key signs (--public-key)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="register a program; prints its id and secret")
        create.add_argument("--organisation", required=True, metavar="SLUG", help="a hospital or an insurer")
        create.add_argument("--name", required=True, help="what the program is, e.g. 'laboratory system'")
        create.add_argument(
            "--public-key", type=Path, metavar="PEM", help="its Ed25519 public key, no secret"
        )
        actions.add_parser("list", help="every program and whether it may call")
        stop = actions.add_parser("stop", help="refuse a program and its tokens from now on")
        stop.add_argument("client_id")

    def handle(self, *args: Any, **options: Any) -> None:
        {"create": self._create, "list": self._list, "stop": self._stop}[options["action"]](options)

    def _create(self, options: dict[str, Any]) -> None:
        organisation = accounts.organisation_by_slug(options["organisation"])
        if organisation is None:
            raise CommandError(f"There is no organisation {options['organisation']!r}.")
        key = _public_key(options["public_key"]) if options["public_key"] else None
        try:
            made = api_client_create(organisation_id=organisation.id, name=options["name"], public_key=key)
        except ValueError as error:
            raise CommandError(f"{organisation.slug}: {error}.") from error
        self.stdout.write(f"client_id      {made.client_id}")
        if made.secret:
            self.stdout.write(f"client_secret  {made.secret}\nThe secret is shown this once; keep it safe.")

    def _list(self, options: dict[str, Any]) -> None:
        clients = list(api_clients())
        for client in clients:
            organisation = accounts.organisation_by_id(client.organisation_id)
            state = "active" if client.is_active else "stopped"
            proof = "key" if client.public_key else "secret"
            slug = organisation.slug if organisation else "?"
            self.stdout.write(f"{client.id}  {state:7}  {proof:6}  {slug}  {client.name}")
        if not clients:
            self.stdout.write("No programs yet. Register one: manage.py api_client create --help")

    def _stop(self, options: dict[str, Any]) -> None:
        if not api_client_stop(client_id=options["client_id"]):
            raise CommandError(f"No program {options['client_id']!r}; see manage.py api_client list.")
        self.stdout.write("Stopped. Its tokens are refused from now on.")


def _public_key(path: Path) -> bytes:
    """The 32 bytes of an Ed25519 public key in a PEM file. Raises CommandError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise CommandError(f"{path} is no public key in PEM form: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise CommandError(f"{path} holds another kind of key; an Ed25519 public key is needed.")
    return key.public_bytes_raw()
