"""Four real validator processes on free loopback ports, their parts and their ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from ledger.api import (
    DidRegistered,
    KeySet,
    LedgerClient,
    b64u_encode,
    did_of,
    keyset_from_json,
    next_commitment,
    public_key_of,
    sign_tx,
)
from ledger.node.devnet import PORTS_PER_NODE, DevnetNode, init_devnet
from tests.free_ports import free_ports

ROOT = Path(__file__).resolve().parents[3]
CHAIN_ID = "salus-cluster"
MONIKERS = ("north-lake", "riverside", "hillside", "health-authority")


@dataclass(frozen=True)
class Person:
    """Somebody with a DID on this ledger; keys follow from the name and protect nothing."""

    name: str

    @property
    def seed(self) -> bytes:
        return self.name.encode().ljust(32, b".")[:32]

    @property
    def keyset(self) -> KeySet:
        key = {"id": "#key-1", "type": "Ed25519", "public": b64u_encode(public_key_of(self.seed))}
        following = next_commitment(public_key_of(self.seed[::-1]))
        return keyset_from_json({"keys": [key], "sealing": [], "next": following})

    @property
    def did(self) -> str:
        return did_of(self.keyset)

    def registers(self, now_ms: int | None = None) -> bytes:
        """A signed DidRegistered with a fresh nonce."""
        issued_at = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        body = DidRegistered(
            ledger=CHAIN_ID,
            author=self.did,
            nonce=b64u_encode(os.urandom(16)),
            issued_at=issued_at,
            not_after=issued_at + 3_600_000,
            did=self.did,
            keyset=self.keyset,
            custody="self",
        )
        return sign_tx(body, "#key-1", self.seed)


AUTHORITY = Person("Regional Health Authority")
APP_STATE: Mapping[str, Any] = {
    "authority": {
        "did": AUTHORITY.did,
        "keyset": msgspec.to_builtins(AUTHORITY.keyset),
        "name": AUTHORITY.name,
    },
    "version": 1,
}


@dataclass
class Network:
    """The validators' processes; each can be killed, stopped, started again."""

    home: Path
    nodes: tuple[DevnetNode, ...] = ()
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @classmethod
    def make(cls, home: Path, config: Mapping[str, Any] | None = None) -> "Network":
        port = free_ports(PORTS_PER_NODE * len(MONIKERS))
        return cls(home, init_devnet(home, MONIKERS, APP_STATE, CHAIN_ID, port, config))

    def forget_evidence_after(self, blocks: int, seconds: float) -> None:
        """Before the first start: let evidence count for so long only, so that older blocks may be pruned."""
        document = self.genesis
        document["consensus_params"]["evidence"] |= {
            "max_age_num_blocks": str(blocks),
            "max_age_duration": str(int(seconds * 1e9)),
        }
        for folder in (self.home, *(node.home for node in self.nodes)):
            (folder / "genesis.json").write_text(json.dumps(document))

    def configure(self, moniker: str, **settings: Any) -> None:
        """Change a validator's configuration; it counts from its next start on."""
        path = self.node(moniker).home / "config.json"
        path.write_text(json.dumps(json.loads(path.read_bytes()) | settings))

    @property
    def genesis(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.home / "genesis.json").read_bytes())
        return document

    def client(self, *monikers: str) -> LedgerClient:
        """A client of these validators, or of all."""
        chosen = [node.rpc for node in self.nodes if not monikers or node.moniker in monikers]
        return LedgerClient(chosen, self.genesis)

    def start(self, *monikers: str, module: str = "ledger.node", within_s: float = 40) -> None:
        """Start these validators, or all, and wait until their RPC answers."""
        names = monikers or MONIKERS
        for name in names:
            self.launch(name, module)
        for name in names:
            self.until(lambda name=name: self.answers(name), f"{name} answers", within_s=within_s)

    def launch(self, moniker: str, module: str = "ledger.node") -> None:
        """Start this validator's process and wait for nothing."""
        with (self.home / f"{moniker}.log").open("ab") as log:
            self.processes[moniker] = subprocess.Popen(
                [sys.executable, "-m", module, "--home", str(self.home / moniker)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def kill(self, *monikers: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End these validators, or all that run: without warning unless told otherwise."""
        names = [name for name in monikers or tuple(self.processes) if name in self.processes]
        for name in names:
            self.processes[name].send_signal(number)
        for name in names:
            self.processes.pop(name).wait(10)

    def node(self, moniker: str) -> DevnetNode:
        return next(node for node in self.nodes if node.moniker == moniker)

    def rpc(self, moniker: str, route: str) -> Any:
        """The result of a GET of a route."""
        return self.answer(moniker, route)["result"]

    def answer(self, moniker: str, route: str) -> Any:
        """The whole answer to a GET of a route: a result or an error."""
        return httpx.get(f"{self.node(moniker).rpc}/{route}", timeout=5, trust_env=False).json()

    def answers(self, moniker: str) -> bool:
        try:
            return self.rpc(moniker, "health") == {}
        except httpx.HTTPError:
            return False

    def height(self, moniker: str) -> int:
        return int(self.rpc(moniker, "status")["sync_info"]["latest_block_height"])

    def log(self, moniker: str) -> str:
        return (self.home / f"{moniker}.log").read_text()

    def base(self, moniker: str) -> int:
        """The first block that this validator still has."""
        return int(self.rpc(moniker, "status")["sync_info"]["earliest_block_height"])

    def peers(self, moniker: str) -> set[str]:
        """To whom this node is connected."""
        return {one["node_info"]["moniker"] for one in self.rpc(moniker, "net_info")["peers"]}

    def address(self, moniker: str) -> str:
        """The address of the key that it votes with."""
        found: str = self.rpc(moniker, "status")["validator_info"]["address"]
        return found

    def signed(self, address: str, height: int, asked: str = MONIKERS[0]) -> bool:
        """Whether the validator with this address precommitted the block at `height`."""
        commit = self.rpc(asked, f"commit?height={height}")["signed_header"]["commit"]
        return any(one["validator_address"] == address for one in commit["signatures"])

    @contextlib.contextmanager
    def load(self, *monikers: str, threads: int = 3) -> Iterator[list[str]]:
        """Transactions without a pause through these validators; yields the hashes that were committed."""
        stop, committed = threading.Event(), list[str]()

        def work() -> None:
            client = self.client(*monikers)
            while not stop.is_set():
                wire = Person(f"load {os.urandom(8).hex()}").registers()
                committed.append(client.commit(wire, timeout_s=30).tx_hash)
            client.close()

        with ThreadPoolExecutor(threads) as pool:
            working = [pool.submit(work) for _ in range(threads)]
            try:
                yield committed
            finally:
                stop.set()
            for one in working:
                one.result(60)

    def until(self, condition: Callable[[], bool], what: str, within_s: float = 15) -> None:
        """Wait for a condition; a failure shows every log's end."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                ends = "\n".join(f"{name}:\n{self.log(name)[-1500:]}" for name in MONIKERS)
                raise AssertionError(f"not within {within_s} s: {what}\n{ends}")
            time.sleep(0.03)

    def same_state(self, monikers: Sequence[str] = MONIKERS) -> bool:
        """Whether these validators are at one height with one block hash and one app hash after it."""
        seen = set()
        for name in monikers:
            info = self.rpc(name, "abci_info")["response"]
            tip = self.rpc(name, "status")["sync_info"]["latest_block_hash"]
            seen.add((info["last_block_height"], info["last_block_app_hash"], tip))
        return len(seen) == 1

    def cpu_s(self, moniker: str) -> float:
        """Processor time that a validator has used."""
        parts = Path(f"/proc/{self.processes[moniker].pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
