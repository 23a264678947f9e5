"""The command against four real validators: sync, export, then verify with every one of them gone."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger.api import ConsentGranted, ConsentRevoked, b64u_encode, public_key_of, sign_tx
from ledger.light.__main__ import main
from tests.ledger.cluster.network import CHAIN_ID, MONIKERS, ROOT, Network, Person
from tests.ledger.thin.thin_process import Thin

LI_MEI = Person("Li Mei")
AMINA = Person("Amina Diallo")


CONSENT = b64u_encode(bytes(16))


def common(author: str) -> dict[str, Any]:
    now = time.time_ns() // 1_000_000
    nonce = b64u_encode(os.urandom(16))
    return {
        "ledger": CHAIN_ID,
        "author": author,
        "nonce": nonce,
        "issued_at": now,
        "not_after": now + 3_600_000,
    }


def grants() -> bytes:
    """Li Mei's signed consent to one record for an hour."""
    own, digest = common(LI_MEI.did), b64u_encode(bytes(32))
    until = own["not_after"]
    body = ConsentGranted(
        **own,
        consent=CONSENT,
        subject=LI_MEI.did,
        artefact=digest,
        handles_root=digest,
        handles=1,
        requester=digest,
        organisation=digest,
        access_key=b64u_encode(public_key_of(bytes(32))),
        valid_from=own["issued_at"],
        valid_until=until,
        max_opens=0,
        erase_at=until,
        custody="self",
    )
    return sign_tx(body, "#key-1", LI_MEI.seed)


def revokes() -> bytes:
    body = ConsentRevoked(**common(LI_MEI.did), consent=CONSENT, subject=LI_MEI.did)
    return sign_tx(body, "#key-1", LI_MEI.seed)


def light(*arguments: object) -> tuple[int, str]:
    """Exit code and output of the command, in this process."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main([str(each) for each in arguments])
    return code, said.getvalue()


def light_process(*arguments: object) -> tuple[int, str]:
    """Exit code and output of `python -m ledger.light`, as a stranger types it."""
    command = [sys.executable, "-m", "ledger.light", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@dataclass
class Exported:
    """What a stranger has in hand once the network is gone."""

    folder: Path
    codes: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, *arguments: object) -> None:
        self.codes[name], self.said[name] = light(*arguments)

    def export(self, name: str, *arguments: object) -> None:
        self.keep(name, "export", *arguments)
        (self.folder / f"{name}.json").write_text(self.said[name])

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


@pytest.fixture(scope="module", params=["validator", "thin"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """What a validator exported, or a thin node: the same command, the same proofs."""
    network = Network.make(tmp_path_factory.mktemp("network"))
    network.start()
    thin = Thin(network, [node.rpc for node in network.nodes])
    try:
        door = network.node("riverside").rpc if request.param == "validator" else thin.start().url
        yield _export(network, door, tmp_path_factory.mktemp("exported"))
    finally:
        network.kill()
        if thin.process:
            thin.kill()


def _export(network: Network, door: str, folder: Path) -> Exported:
    """Register Li Mei, export what shows it from `door`, and end every validator."""
    done, client = Exported(folder), network.client()
    client.commit(Person("Dr Okafor").registers())
    registered = client.commit(LI_MEI.registers())
    client.query(f"did/{LI_MEI.did}")  # the header that carries this state is there now
    node = ("--node", door)
    genesis = ("--genesis", network.home / "genesis.json")
    done.path("genesis").write_bytes((network.home / "genesis.json").read_bytes())
    urls = [network.node(name).rpc for name in MONIKERS]
    witnesses = [part for url in urls[1:] for part in ("--witness", url)]
    reach = ("--trusted", done.path("trusted"), "--primary", door, *witnesses)
    done.keep("sync without a beginning", "sync", *reach)
    done.keep("sync", "sync", *reach, *genesis)
    done.keep("sync again", "sync", *reach)
    done.export("tx", "tx", registered.tx_hash, *node, *genesis)
    done.export("present", "state", f"did/{LI_MEI.did}", *node)
    done.export("then", "state", f"did/{LI_MEI.did}", *node, "--height", registered.height)
    done.export("before", "state", f"did/{LI_MEI.did}", *node, "--height", registered.height - 1)
    done.export("absent", "state", f"did/{AMINA.did}", *node)
    done.export("no such", "tx", "00" * 32, *node)
    for name, wire in (("granted", grants()), ("revoked", revokes())):
        client.commit(wire)
        client.query(f"consent/{CONSENT}")
        done.export(name, "state", f"consent/{CONSENT}", *node)
    network.kill()
    done.keep("sync with nobody there", "sync", *reach)
    return done


@pytest.mark.parametrize("name", ["sync", "sync again", "tx", "present", "absent", "then"])
def test_nodes_answer(exported: Exported, name: str) -> None:
    assert exported.codes[name] == 0, exported.said[name]


def test_sync_needs_a_beginning_and_somebody_there(exported: Exported) -> None:
    assert exported.codes["sync without a beginning"] == 2
    assert exported.codes["sync with nobody there"] == 6
    assert exported.codes["no such"] == 6


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tx", "DidRegistered"),
        ("present", '"custody":"self"'),
        ("then", '"custody":"self"'),
        ("before", "held nothing under this key"),
        ("absent", "held nothing under this key"),
    ],
)
@pytest.mark.parametrize("root", ["genesis", "trusted"])
def test_export_is_verified_offline(exported: Exported, name: str, words: str, root: str) -> None:
    code, said = light("verify", exported.path(name), f"--{root}", exported.path(root))
    assert code == 0, said
    assert words in said
    assert "of 4 validators" in said


def test_consent_granted_then_revoked_is_told_offline(exported: Exported) -> None:
    root = ("--genesis", exported.path("genesis"))
    granted, revoked = exported.path("granted"), exported.path("revoked")
    code, said = light("consent", CONSENT, granted, granted, *root)
    assert (code, "not revoked at block" in said) == (0, True), said
    code, said = light("consent", CONSENT, granted, revoked, *root)
    assert (code, ", revoked at block" in said) == (0, True), said
    assert light("consent", CONSENT, revoked, granted, *root)[0] == 1


def test_altered_export_is_refused(exported: Exported) -> None:
    document = json.loads(exported.path("present").read_text())
    absent = json.loads(exported.path("absent").read_text())
    forged = exported.folder / "forged.json"
    forged.write_text(json.dumps({**document, "value": None, "proof": absent["proof"]}))
    code, said = light_process("verify", forged, "--genesis", exported.path("genesis"))
    assert (code, "REFUSED (state)" in said) == (1, True)
