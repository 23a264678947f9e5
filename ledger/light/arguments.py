"""The arguments of `python -m ledger.light`."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from fractions import Fraction
from pathlib import Path

from ledger.types.params import TRUSTING_PERIOD_S
from ledger.types.rpc_json import time_from_text

LEAST_LEVEL = Fraction(1, 3)


def parser_of(description: str) -> ArgumentParser:
    """The parser of `python -m ledger.light`: `command` names what to run."""
    parser = ArgumentParser(
        prog="python -m ledger.light", description=description, formatter_class=RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    _verify_arguments(commands.add_parser("verify", help="verify an exported proof bundle, offline"))
    _consent_arguments(commands.add_parser("consent", help="was it granted, and not revoked since? offline"))
    _export_arguments(commands.add_parser("export", help="fetch a proof bundle from a node"))
    _sync_arguments(commands.add_parser("sync", help="bring a trusted store up to date, against witnesses"))
    return parser


def _verify_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="JSON file: the exported proof")
    _judge_arguments(parser)


def _consent_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("consent", metavar="CONSENT", help="the consent's id")
    parser.add_argument("granted", type=Path, metavar="GRANTED", help="bundle of its state once granted")
    parser.add_argument("latest", type=Path, metavar="LATEST", help="bundle of its state later")
    _judge_arguments(parser)


def _judge_arguments(parser: ArgumentParser) -> None:
    root = parser.add_mutually_exclusive_group(required=True)
    root.add_argument("--trusted", type=Path, metavar="FILE", help="trusted store, as `sync` writes it")
    root.add_argument("--genesis", type=Path, metavar="FILE", help="genesis.json: trust its validators, ever")
    parser.add_argument("--max-age", type=_whole, metavar="S", help="exit with 4 when the knowledge is older")
    _option_arguments(parser)


def _export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("kind", choices=["tx", "state"])
    parser.add_argument("what", metavar="HASH|KEY", help="a transaction's hash (hex), or a state key")
    parser.add_argument("--node", required=True, metavar="URL", help="RPC address of a validator")
    parser.add_argument(
        "--height", type=_positive, metavar="N", help="state after block N (default: the latest)"
    )
    parser.add_argument(
        "--genesis", type=Path, metavar="FILE", help="add the light blocks that lead from it to the proof"
    )


def _sync_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--trusted", type=Path, required=True, metavar="FILE", help="the store; made if new")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--genesis", type=Path, metavar="FILE", help="begin from this genesis")
    begin.add_argument("--hash", metavar="HEIGHT:HASH", help="begin from this header, which you vouch for")
    parser.add_argument("--primary", required=True, metavar="URL")
    parser.add_argument(
        "--witness", action="append", default=[], metavar="URL", help="repeat; none: no attack detection"
    )
    parser.add_argument("--height", type=_positive, metavar="N", help="default: the primary's latest")
    _option_arguments(parser)


def _option_arguments(parser: ArgumentParser) -> None:
    days = TRUSTING_PERIOD_S // 86_400
    parser.add_argument(
        "--trusting-period", type=_positive, default=days, metavar="DAYS", help=f"default {days}"
    )
    parser.add_argument("--trust-level", type=_level, default=LEAST_LEVEL, metavar="N/M", help="default 1/3")
    parser.add_argument("--clock-drift", type=_whole, default=10, metavar="S", help="default 10")
    parser.add_argument(
        "--at", type=time_from_text, metavar="TIME", help="judge as of this UTC time (RFC 3339)"
    )


def _level(text: str) -> Fraction:
    level = Fraction(text)
    if not LEAST_LEVEL <= level <= 1:
        raise ValueError("a trust level lies between 1/3 and 1")
    return level


def _whole(text: str) -> int:
    if (number := int(text)) < 0:
        raise ValueError("not negative")
    return number


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError("at least 1")
    return number
