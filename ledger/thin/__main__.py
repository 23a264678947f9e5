"""Run a thin node until SIGTERM or SIGINT: a small machine's own door to the ledger.

It takes part in no consensus and holds no state. It asks validators and passes on only what it has verified:
headers by their signatures and a second validator's confirmation; blocks, transactions and state, present or
absent, by proofs under those headers. Salus and CometBFT clients use it like a validator's RPC.

The first start needs the genesis, which the consortium hands out, and the RPC addresses of two validators or
more; they are kept in the home folder. Later starts need only --home.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from ledger.light.errors import StoreDamaged
from ledger.node.log import log
from ledger.thin.errors import HomeUnusable
from ledger.thin.home import Config, ThinHome
from ledger.thin.node import ThinNode
from ledger.thin.rpc import make_rpc
from ledger.types.genesis import GenesisError

EXAMPLES = """examples:
  the first time:
    {command} --home /var/lib/salus-thin --genesis genesis.json \\
        --validators http://10.0.0.1:26657 http://10.0.0.2:26657 http://10.0.0.3:26657
  ever after:
    {command} --home /var/lib/salus-thin
  after longer than the trusting period without running, or with a ledger older than it, begin from the height
  and hash of a recent block that two people of the consortium have told you:
    {command} --home /var/lib/salus-thin --trust 48210:9F3C...E1

Then let Salus use it: SALUS_LEDGER_RPC=http://127.0.0.1:26757
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line may say; `manage.py runthin` says the same."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="folder; made at first start")
    parser.add_argument("--genesis", type=Path, metavar="FILE", help="the consortium's genesis.json")
    parser.add_argument(
        "--validators", nargs="+", default=[], metavar="URL", help="RPC addresses; two or more"
    )
    parser.add_argument("--listen", type=host_port, metavar="HOST:PORT", help="default 127.0.0.1:26757")
    parser.add_argument(
        "--trust",
        type=height_hash,
        metavar="HEIGHT:HASH",
        help="begin anew from this header; you vouch for it",
    )
    parser.add_argument(
        "--trusting-period", type=int, metavar="S", help="how long a header is trusted; default 14 days"
    )
    parser.add_argument(
        "--clock-drift", type=int, metavar="S", help="how far clocks may differ; default 10 seconds"
    )


def arguments_of(options: Mapping[str, Any]) -> list[str]:
    """The command line that says what these parsed options say."""
    listen, trust = options["listen"], options["trust"]
    said = {
        "--home": options["home"],
        "--genesis": options["genesis"],
        "--listen": listen and f"[{listen[0]}]:{listen[1]}",
        "--trust": trust and f"{trust[0]}:{trust[1].hex()}",
        "--trusting-period": options["trusting_period"],
        "--clock-drift": options["clock_drift"],
    }
    words = [word for name, value in said.items() if value is not None for word in (name, str(value))]
    return [*words, *(["--validators", *options["validators"]] if options["validators"] else [])]


def host_port(text: str) -> tuple[str, int]:
    """HOST:PORT; IPv6 in brackets."""
    host, _colon, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, got {text!r}")
    return host.strip("[]"), int(port)


def height_hash(text: str) -> tuple[int, bytes]:
    """HEIGHT:HASH, the hash as 64 hex digits."""
    height, _colon, digest = text.partition(":")
    try:
        found = int(height), bytes.fromhex(digest)
    except ValueError:
        found = 0, b""
    if found[0] < 1 or len(found[1]) != 32:
        raise argparse.ArgumentTypeError("expected HEIGHT:HASH, the hash as 64 hex digits")
    return found


async def run(home: ThinHome, config: Config, vouched: tuple[int, bytes] | None) -> int:
    """Start the node and its RPC, say so in one line on stdout, and stop on a signal; the exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    node = ThinNode(home, config, vouched)
    rpc = make_rpc(node)
    try:
        await rpc.start()
        await node.start()
        _say_so(node)
        ends = [asyncio.ensure_future(each.wait()) for each in (stop, node.failed)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        log("stopping", height=node.headers.height)
    finally:
        await rpc.stop()
        await node.stop()
    return 1 if node.failed.is_set() else 0


def _say_so(node: ThinNode) -> None:
    config = node.config
    print(  # noqa: T201 - the one line that tells whoever started us that we listen
        f"thin node of {node.genesis.chain_id} listens: rpc http://{config.rpc_host}:{config.rpc_port}",
        flush=True,
    )
    if node.headers.halted:
        log("halted", next=node.headers.halted)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m ledger.thin",
        description=__doc__,
        epilog=EXAMPLES.format(command="python -m ledger.thin"),
    )
    add_arguments(parser)
    given = parser.parse_args()
    home = ThinHome(given.home)
    try:
        config = home.prepare(
            given.genesis, tuple(given.validators), given.listen, given.trusting_period, given.clock_drift
        )
        return uvloop.run(run(home, config, given.trust))
    except (HomeUnusable, StoreDamaged, GenesisError, OSError) as error:
        log("failed", why=str(error))
    return 1


if __name__ == "__main__":
    sys.exit(main())
