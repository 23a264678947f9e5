"""The arguments of `manage.py governance`.

What can be proposed are the kinds of change that the ledger knows: a new kind is a command by itself, its
fields are the flags, and a field whose name does not say enough gets a row in FIELDS.
"""

import argparse
import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.management.base import DjangoHelpFormatter

from ledger.api import Change, Seat, b64u_encode, node_card

EXAMPLES = """\
examples:
  manage.py governance list
  manage.py governance propose join --home var/ledger/lakeside --power 10 --as north-lake --dry-run
  manage.py governance propose power --validator riverside --power 8 --as north-lake
  manage.py governance propose rotate --replaces riverside --home var/ledger/riverside-2 --as riverside
  manage.py governance propose leave --validator harbour --authority
  manage.py governance vote PROPOSAL yes --as riverside
  manage.py governance show PROPOSAL

A change is made by the vote with which more than two thirds of the active hospitals and the authority
approve; it decides from two blocks later on. The beginning of a proposal's id is enough to name it."""

KINDS: dict[str, type[msgspec.Struct]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Change)}
FIELDS = {
    "public": ("--validator", "KEY", "its Ed25519 key; or name or address, if it votes already"),
    "replaces": ("--replaces", "KEY", "key, name or address of the validator whose place it takes"),
    "power": ("--power", "N", "voting power"),
    "moniker": ("--moniker", "NAME", "what people call it"),
    "host": ("--host", "HOST", "where its peers reach it"),
    "port": ("--port", "N", "the port for peers"),
    "certificate": ("--certificate", "PEM", "file with the certificate that its peers pin"),
    "organisation": ("--organisation", "DID", "whose validator it is"),
    "every": ("--every", "N", "blocks in an epoch; 0: nobody is elected"),
    "seats": ("--seats", "N", "how many validators are elected at most"),
    "availability": ("--availability", "N", "what each tenth of an epoch's commits adds to a stake"),
    "contribution": ("--contribution", "N", "what each unit of the root of the organisation's credit adds"),
}


class Help(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's order of options, examples as they are written."""


def add_actions(parser: argparse.ArgumentParser) -> None:
    """`list`, `show`, `propose KIND` and `vote`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show|propose|vote")
    listing = actions.add_parser("list", help="proposals that may still be voted on")
    listing.add_argument("--all", action="store_true", help="every one ever made (reads the whole ledger)")
    show = actions.add_parser("show", help="one proposal: what it changes, who voted how")
    show.add_argument("proposal", metavar="PROPOSAL")
    vote = actions.add_parser("vote", help="vote on a proposal, once")
    vote.add_argument("proposal", metavar="PROPOSAL")
    vote.add_argument("answer", choices=["yes", "no"])
    _add_signing(vote)
    propose = actions.add_parser("propose", help="propose a change", formatter_class=Help, epilog=EXAMPLES)
    kinds = propose.add_subparsers(dest="kind", required=True, metavar="|".join(KINDS))
    for tag, kind in KINDS.items():
        said = " ".join((kind.__doc__ or "").split()).partition(". ")[0].rstrip(".").replace("`", "")
        _add_kind(kinds.add_parser(tag, help=said, description=f"{said}."), kind)
    for each in (listing, show):
        _add_zone(each)


def _add_kind(parser: argparse.ArgumentParser, kind: type[msgspec.Struct]) -> None:
    for name in kind.__struct_fields__:
        flag, metavar, meaning = FIELDS.get(name, (f"--{name.replace('_', '-')}", name.upper(), name))
        parser.add_argument(flag, dest=f"field_{name}", metavar=metavar, help=meaning)
    if "certificate" in kind.__struct_fields__:
        parser.add_argument(
            "--home", type=Path, metavar="DIR", help="the node's home: fills in what is left out"
        )
    parser.add_argument("--days", type=float, default=7.0, help="how long votes are taken; at most 7")
    _add_signing(parser)


def _add_signing(parser: argparse.ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--as", dest="slug", metavar="SLUG", help="the organisation in whose name to sign")
    who.add_argument("--authority", action="store_true", help="sign as the genesis' authority")
    parser.add_argument("--dry-run", action="store_true", help="show what would happen; sign nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask (for scripts)")
    _add_zone(parser)


def _add_zone(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--time-zone", metavar="ZONE", help="for times, e.g. Asia/Shanghai (default: this machine's)"
    )


def fields_of(kind: type[msgspec.Struct], options: dict[str, Any], seats: Sequence[Seat]) -> dict[str, Any]:
    """The change's fields from the command line and the node's home. Raises ValueError, HomeInvalid."""
    given = {name: options[f"field_{name}"] for name in kind.__struct_fields__}
    home = options.get("home")
    card = node_card(home) if home is not None else {}
    found = {name: card.get(name) if value is None else value for name, value in given.items()}
    missing = [FIELDS.get(name, (f"--{name}",))[0] for name, value in found.items() if value is None]
    if missing:
        raise ValueError(f"still needed: {', '.join(missing)}")
    for name in ("public", "replaces"):
        if name in found:
            found[name] = key_of(str(found[name]), seats)
    if given.get("certificate") is not None:
        found["certificate"] = _certificate(Path(given["certificate"]))
    return found


def key_of(text: str, seats: Sequence[Seat]) -> str:
    """The key (b64u) that `text` names: a validator's name or address, or a key itself. Raises ValueError."""
    named = [seat for seat in seats if text in (seat.moniker, seat.address) or text.upper() == seat.address]
    if len(named) > 1:
        raise ValueError(f"{len(named)} validators are called {text!r}: name one by its address")
    if named:
        return b64u_encode(named[0].public)
    try:
        key = base64.b64decode(
            text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True
        )
    except binascii.Error:
        key = b""
    if len(key) != 32:
        known = ", ".join(seat.moniker or seat.address for seat in seats)
        raise ValueError(f"{text!r} is neither a validator ({known}) nor an Ed25519 key in base64")
    return b64u_encode(key)


def _certificate(path: Path) -> str:
    try:
        return b64u_encode(x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} holds no certificate in PEM form: {error}") from error
