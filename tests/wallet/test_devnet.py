"""The scene on a real network: four validator processes, folders as providers, background threads running."""

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.api import DevnetNode, LedgerClient, init_devnet
from tests.wallet.conftest import World, make_genesis, populate, register_everyone
from wallet import api as wallet
from wallet import ports

ROOT = Path(__file__).resolve().parents[2]
MONIKERS = ("north-lake", "riverside", "hillside", "authority")


@dataclass
class Devnet:
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


def free_ports(count: int) -> int:
    for first in range(40_000 + os.getpid() % 400 * 20, 60_000, count):
        probes = [socket.socket() for _ in range(count)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + offset))
            return first
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise RuntimeError("no free ports")


@pytest.fixture(scope="session")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    seed = secrets.token_bytes(32)
    named = make_genesis(seed)
    home = tmp_path_factory.mktemp("devnet")
    nodes = init_devnet(home, MONIKERS, named["app_state"], named["chain_id"], free_ports(40))
    network = Devnet(nodes, json.loads((home / "genesis.json").read_bytes()), seed)
    for moniker in MONIKERS:
        network.start(moniker)
    yield network
    for moniker in list(network.processes):
        network.kill(moniker)


@pytest.fixture
def live(devnet: Devnet, transactional_db: None, keys_on_disk: bytes, settings: Any) -> Iterator[World]:
    """The cast on the real network, self-held Li Mei with two anchored records."""
    settings.SALUS_AUTHORITY_KEY_FILE.write_text(wallet_text(devnet.authority_seed))
    world = World.with_ports(
        devnet.genesis, LedgerClient([node.rpc for node in devnet.nodes], devnet.genesis)
    )
    populate(world)
    register_everyone(world)
    world.phone.set_up()
    settle(world, "keys.registered", "li-mei", times=4)
    world.ingest("li-mei", "riverside", ("Observation", b"hb 13.1"), ("Condition", b"asthma"))
    settle(world, "record.added", "li-mei", times=2)
    yield world
    world.unbind()


def wallet_text(seed: bytes) -> str:
    from ledger.api import b64u_encode

    return b64u_encode(seed)


def settle(world: World, kind: str, person: str, times: int = 1, timeout_s: float = 20) -> None:
    """Run the steps until the person's feed says `kind` that often."""
    from wallet.services.sealing import reseal_step

    deadline = time.monotonic() + timeout_s
    while world.kinds(person).count(kind) < times:
        assert time.monotonic() < deadline, world.kinds(person)
        wallet.outbox_step()
        wallet.project_step(wait_s=0.5)
        reseal_step()


def test_scene_with_a_validator_killed_in_the_middle(devnet: Devnet, live: World) -> None:
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
    assert wallet.who_looked(person_id=live.people["li-mei"].id)


def test_approve_to_read_is_quick_with_background_threads(live: World, capsys: Any) -> None:
    stop = threading.Event()
    threads = threading.Thread(target=wallet.run_background, args=(stop,), daemon=True)
    threads.start()
    try:
        figures = [approve_to_read_ms(live) for _ in range(5)]
    finally:
        stop.set()
        threads.join(15)
    with capsys.disabled():
        print("approve_to_read_ms (approve, active, open):", figures)
    assert sorted(sum(run) for run in figures)[2] < 2_000


def approve_to_read_ms(world: World) -> tuple[int, int, int]:
    request = world.tablet.ask(world.code("li-mei"))
    wires, pack = world.phone.approval(request.request_id)
    doctor = world.people["okafor"].id
    seen = wallet.feed_since(person_id=doctor, after=0)[-1].seq
    began = time.monotonic()
    consent = wallet.request_approve_self_held(
        person_id=world.phone.person_id, request_id=request.request_id, wires=wires, pack=pack
    )
    approved = time.monotonic()
    assert [i.kind for i in wallet.feed_since(person_id=doctor, after=seen, wait_s=10)] == ["consent.active"]
    active = time.monotonic()
    wire, _ = world.tablet.opening(consent.consent_id)
    assert len(wallet.access_open(person_id=world.tablet.person_id, wire=wire).wraps) == 2
    opened = time.monotonic()
    return tuple(round(1000 * t) for t in (approved - began, active - approved, opened - active))
