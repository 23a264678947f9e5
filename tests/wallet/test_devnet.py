"""The scene on a real network: four validator processes, killed and restarted; background threads.

All of it once with the validators and once with a thin node before them, as in a small clinic.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.api import DevnetNode, LedgerClient, b64u_encode, init_devnet
from tests.free_ports import free_ports
from tests.ledger.cluster.network import Network
from tests.ledger.thin.thin_process import Thin
from tests.wallet.conftest import World, make_genesis, populate, register_everyone
from wallet import api as wallet
from wallet import ports

ROOT = Path(__file__).resolve().parents[2]
MONIKERS = ("north-lake", "riverside", "hillside", "authority")


@dataclass
class Devnet:
    home: Path
    nodes: tuple[DevnetNode, ...]
    genesis: dict[str, Any]
    authority_seed: bytes
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, moniker: str) -> None:
        node = next(node for node in self.nodes if node.moniker == moniker)
        self.processes[moniker] = subprocess.Popen(
            [sys.executable, "-m", "ledger.node", "--home", str(node.home)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{node.rpc}/health", timeout=1, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError(f"{moniker} does not answer")

    def kill(self, moniker: str) -> None:
        process = self.processes.pop(moniker)
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    seed = secrets.token_bytes(32)
    named = make_genesis(seed)
    home = tmp_path_factory.mktemp("devnet")
    nodes = init_devnet(home, MONIKERS, named["app_state"], named["chain_id"], free_ports(40))
    network = Devnet(home, nodes, json.loads((home / "genesis.json").read_bytes()), seed)
    for moniker in MONIKERS:
        network.start(moniker)
    yield network
    for moniker in list(network.processes):
        network.kill(moniker)


@pytest.fixture(scope="module", params=["validators", "thin"])
def doors(request: pytest.FixtureRequest, devnet: Devnet) -> Iterator[list[str]]:
    """What Salus talks to."""
    validators = [node.rpc for node in devnet.nodes]
    if request.param == "validators":
        yield validators
        return
    thin = Thin(Network(devnet.home, devnet.nodes), validators).start()
    yield [thin.url]
    thin.kill()


@pytest.fixture
def live(
    devnet: Devnet, doors: list[str], transactional_db: None, keys_on_disk: bytes, settings: Any
) -> Iterator[World]:
    """The cast on the real network, self-held Li Mei with two anchored records."""
    settings.SALUS_AUTHORITY_KEY_FILE.write_text(b64u_encode(devnet.authority_seed))
    world = World.with_ports(devnet.genesis, LedgerClient(doors, devnet.genesis))
    populate(world)
    register_everyone(world)
    world.phone.set_up()
    settle(world, "keys.registered", "li-mei", times=4)
    world.ingest("li-mei", "riverside", ("Observation", b"hb 13.1"), ("Condition", b"asthma"))
    settle(world, "record.added", "li-mei", times=2)
    yield world
    world.unbind()


def settle(world: World, kind: str, person: str, times: int = 1, timeout_s: float = 20) -> None:
    """Run the steps until the person's feed says `kind` that often."""
    from wallet.services.sealing import reseal_step

    deadline = time.monotonic() + timeout_s
    while world.kinds(person).count(kind) < times:
        assert time.monotonic() < deadline, world.kinds(person)
        wallet.outbox_step()
        wallet.project_step(wait_s=0.5)
        reseal_step()


def test_scene_with_a_validator_killed_in_the_middle(
    devnet: Devnet, live: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet.services.release.COMMIT_TIMEOUT_S", 2.0)
    consent = live.phone.approve(live.tablet.ask(live.code("li-mei")).request_id)
    devnet.kill("hillside")
    settle(live, "consent.active", "okafor")
    assert sorted(live.tablet.open(consent.consent_id).values()) == [b"asthma", b"hb 13.1"]
    devnet.kill("riverside")
    wire, _ = live.tablet.opening(consent.consent_id)
    with pytest.raises(wallet.LedgerDown):
        wallet.access_open(person_id=live.tablet.person_id, wire=wire)
    live.phone.revoke(consent)  # kept, though no quorum is there
    devnet.start("riverside")
    settle(live, "consent.ended", "okafor")
    devnet.start("hillside")
    deadline = time.monotonic() + 20
    while ports.ledger().query(f"consent/{consent.consent_id}").value["state"] != "revoked":
        assert time.monotonic() < deadline
        wallet.outbox_step()
        time.sleep(0.1)
    settle(live, "access.opened", "li-mei")
    assert wallet.who_looked(person_id=live.people["li-mei"].id)


def test_approval_reaches_the_bedside_quickly_with_background_threads(
    devnet: Devnet, doors: list[str], keys_on_disk: bytes, settings: Any, tmp_path: Path, capsys: Any
) -> None:
    keys = tmp_path / "home" / "keys"
    keys.mkdir(parents=True)
    (keys / "authority").write_text(b64u_encode(devnet.authority_seed))
    (keys / "token.pem").write_bytes(settings.SALUS_TOKEN_KEY_FILE.read_bytes())
    genesis = devnet.nodes[0].home / "genesis.json"
    rpc = ",".join(doors)
    command = [sys.executable, "-m", "tests.wallet.live", str(keys.parent), str(genesis), rpc, "5"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SALUS_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    runs = json.loads(done.stdout.decode().splitlines()[-1])["runs"]
    with capsys.disabled():
        print(f"\n[approve, until active, open] in ms, 20 records: {runs}")
    assert sorted(sum(run) for run in runs)[len(runs) // 2] < 1_500
