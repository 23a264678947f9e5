"""`python -m salus.demo up | reset | provision`: what `make up` and `make reset` call."""

import argparse
import shutil
import sys

import django

from salus.demo.environment import demo_home
from salus.demo.supervise import StartFailed, supervisor_pid


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m salus.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything; Ctrl-C stops it; starting again resumes")
    up.add_argument("--port", type=int, default=8000, help="the web server's port (default 8000)")
    up.add_argument(
        "--ledger-port", type=int, default=26656, help="first of the validators' eight ports (default 26656)"
    )
    up.add_argument(
        "--no-restart", action="store_true", help="leave a process that dies dead (to watch what happens)"
    )
    commands.add_parser("provision", help="people, organisations and records (run by `up`)")
    reset = commands.add_parser("reset", help="forget the demo: ledger, records, keys, people")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _reset(sure: bool) -> int:
    home = demo_home()
    if not home.exists():
        print("Nothing to forget: there is no demo here.")
        return 0
    if supervisor_pid(home):
        print("The demo is running. Stop it with Ctrl-C first.", file=sys.stderr)
        return 1
    if not sure and sys.stdin.isatty() and input(f"Delete everything in {home}? [y/N] ").lower() != "y":
        print("Nothing was deleted.")
        return 1
    shutil.rmtree(home)
    print("Forgotten: ledger, records, keys and people of the demo.")
    return 0


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.command == "reset":
        return _reset(arguments.yes)
    try:
        if arguments.command == "provision":
            django.setup()
            from salus.demo.provision import provision

            return provision()
        from salus.demo.up import up

        return up(arguments.port, arguments.ledger_port, restart=not arguments.no_restart)
    except StartFailed as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
