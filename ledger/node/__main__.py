"""`python -m ledger.node --home DIR`: run one validator until SIGTERM or SIGINT."""

import argparse
import asyncio
import gc
import resource
import signal
import sys
from pathlib import Path

import uvloop

from ledger.node.errors import NodeError
from ledger.node.home import Home
from ledger.node.log import log
from ledger.node.node import Node
from ledger.node.rpc import Rpc
from ledger.types.genesis import GenesisError


async def run(home: Home) -> None:
    """Start the node and its RPC, say so in one line on stdout, and stop on a signal."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # connections are bounded elsewhere
    node = Node(home)
    # What was loaded stays: a collector that looked through the whole state again and again would stop the
    # node for as long as a block takes. What comes and goes holds no cycles but for the loop's own few.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    rpc = Rpc(node)
    await node.start()
    await rpc.start()
    config = node.config
    print(  # noqa: T201 - the one line that tells whoever started us that we listen
        f"validator {config.moniker} listens: peers {config.p2p_host}:{config.p2p_port}, "
        f"rpc http://{config.rpc_host}:{config.rpc_port}",
        flush=True,
    )
    await stop.wait()
    log("stopping", height=node.store.height)
    await rpc.stop()
    await node.stop()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ledger.node", description=__doc__)
    parser.add_argument("--home", required=True, type=Path, help="the validator's home folder")
    try:
        uvloop.run(run(Home(parser.parse_args().home)))
    except (NodeError, GenesisError, OSError) as error:
        log("failed", why=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
