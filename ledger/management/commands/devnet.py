"""`manage.py devnet init|add|start|status`: a local network of validators, for development."""

import json
import signal
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.api import DevnetNode, LedgerClient, init_devnet
from ledger.node.devnet import init_newcomer
from ledger.node.errors import HomeInvalid
from ledger.node.home import Home


class Command(BaseCommand):
    """Makes homes, runs every validator below a folder, and says how they are."""

    help = "Make (init), enlarge (add), run (start) or look at (status) a local network of validators."
    requires_system_checks: list[str] = []  # type: ignore[assignment]

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        init = actions.add_parser("init", help="make one home per validator, with fresh keys")
        init.add_argument("--monikers", nargs="+", default=["north", "east", "south", "west"])
        init.add_argument("--app-state", type=Path, required=True, help="JSON file: the genesis' app_state")
        init.add_argument("--chain-id", default="salus-devnet")
        init.add_argument("--base-port", type=int, default=26600)
        add = actions.add_parser("add", help="make the home of one more node, to be voted in")
        add.add_argument("--moniker", required=True)
        add.add_argument("--port", type=int, required=True, help="for peers; the next one is for its RPC")
        start = actions.add_parser("start", help="run them all until Ctrl-C")
        status = actions.add_parser("status", help="say which validators answer, and how far they are")
        for action in (init, add, start, status):
            action.add_argument("--home", type=Path, required=True, help="the folder that holds the homes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            actions = {"init": self._init, "add": self._add, "start": self._start, "status": self._status}
            actions[options["action"]](options)
        except (HomeInvalid, OSError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _init(self, options: dict[str, Any]) -> None:
        app_state = json.loads(options["app_state"].read_text())
        nodes = init_devnet(
            options["home"], options["monikers"], app_state, options["chain_id"], options["base_port"]
        )
        for node in nodes:
            self.stdout.write(f"{node.moniker}: {node.home}, RPC {node.rpc}")

    def _add(self, options: dict[str, Any]) -> None:
        members = [_node(home) for home in _homes(options["home"])]
        made = init_newcomer(options["home"], options["moniker"], options["port"], members).node
        self.stdout.write(f"{made.moniker}: {made.home}, RPC {made.rpc}")
        self.stdout.write(f"Run it:      manage.py runvalidator --home {made.home}")
        self.stdout.write(
            f"Propose it:  manage.py governance propose join --home {made.home} --power N --as SLUG"
        )

    def _start(self, options: dict[str, Any]) -> None:
        children = [
            subprocess.Popen([sys.executable, "-m", "ledger.node", "--home", str(home)])
            for home in _homes(options["home"])
        ]
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            for child in children:
                child.wait()
        except KeyboardInterrupt:
            self.stdout.write("stopping ...")
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait(10)

    def _status(self, options: dict[str, Any]) -> None:
        configs = [Home(home).config() for home in _homes(options["home"])]
        genesis = json.loads((options["home"] / "genesis.json").read_text())
        client = LedgerClient([f"http://{each.rpc_host}:{each.rpc_port}" for each in configs], genesis)
        status = client.status()
        for validator in client.validators():
            state = f"height {validator.height}" if validator.answers else "does not answer"
            self.stdout.write(f"{validator.moniker}: {state}, power {validator.voting_power}")
        quorum = "has a quorum" if status.quorum else "has no quorum: it waits"
        self.stdout.write(f"{status.chain_id}: height {status.height}, {quorum}")


def _node(home: Path) -> DevnetNode:
    config = Home(home).config()
    return DevnetNode(config.moniker, home, config.p2p_port, config.rpc_port)


def _homes(folder: Path) -> list[Path]:
    homes = sorted(path.parent for path in folder.glob("*/config.json"))
    if not homes:
        raise CommandError(f"no validator's home below {folder}: run `devnet init` first")
    return homes
