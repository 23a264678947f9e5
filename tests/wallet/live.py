"""The scene in a process of its own: SQLite in a file, background threads running. Prints its times as JSON.

    python -m tests.wallet.live HOME GENESIS RPC,RPC,… RUNS

HOME holds `keys/authority`, `keys/token.pem`. One line: {"runs": [[approve_ms, active_ms, open_ms], …]}.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any


def main(home: str, genesis: str, rpc: str, runs: int) -> None:
    os.environ |= {"SALUS_HOME": home, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    stop = threading.Event()
    world = make_world(json.loads(Path(genesis).read_bytes()), rpc.split(","))
    from wallet.api import run_background

    thread = threading.Thread(target=run_background, args=(stop,), daemon=True)
    thread.start()
    try:
        set_up(world)
        print(json.dumps({"runs": [approve_to_read_ms(world) for _ in range(runs)]}), flush=True)
    finally:
        stop.set()
        thread.join(15)


def make_world(genesis: dict[str, Any], rpc: list[str]) -> Any:
    from ledger.api import LedgerClient
    from tests.wallet.conftest import World, populate, register_everyone

    world = World.with_ports(genesis, LedgerClient(rpc, genesis))
    populate(world)
    register_everyone(world)
    return world


def until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("waited too long")
        time.sleep(0.02)


def set_up(world: Any) -> None:
    until(lambda: "device.registered" in world.kinds("okafor"))
    world.phone.set_up()
    until(lambda: world.kinds("li-mei").count("keys.registered") == 4)
    parts = [("Observation", b"observation %d" % number) for number in range(20)]
    world.ingest("li-mei", "riverside", *parts)
    until(lambda: world.kinds("li-mei").count("record.added") == 20)


def approve_to_read_ms(world: Any) -> list[int]:
    from wallet import api as wallet

    request_id = world.tablet.ask(world.code("li-mei")).request_id
    wires, pack = world.phone.approval(request_id)
    doctor = world.people["okafor"].id
    seen = wallet.feed_since(person_id=doctor, after=0)[-1].seq
    began = time.monotonic()
    consent = wallet.request_approve_self_held(
        person_id=world.phone.person_id, request_id=request_id, wires=wires, pack=pack
    )
    approved = time.monotonic()
    # The first entry is consent.signed, made by the approval itself.
    news = wallet.feed_since(person_id=doctor, after=seen + 1, wait_s=10)
    if [item.kind for item in news] != ["consent.active"]:
        raise SystemExit(f"expected consent.active, got {news}")
    active = time.monotonic()
    wire, _ = world.tablet.opening(consent.consent_id)
    signed = time.monotonic()
    release = wallet.access_open(person_id=world.tablet.person_id, wire=wire)
    if len(release.wraps) != 20:
        raise SystemExit(f"expected 20 wraps, got {len(release.wraps)}")
    opened = time.monotonic()
    return [round(1000 * t) for t in (approved - began, active - approved, opened - signed)]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
