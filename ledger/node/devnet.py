"""Make a small network on this machine: one home per validator, every one pinned by all others."""

import base64
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nacl.signing import SigningKey

from ledger.node.errors import HomeInvalid
from ledger.node.home import Home
from ledger.node.peers import certificate_der
from ledger.node.signer import GuardFile
from ledger.types.genesis import Genesis, GenesisValidator
from ledger.types.ids import address_of

PORTS_PER_NODE = 10
APP_VERSION = 1
"""The version of the rules, as headers name it."""
_POWER = 10
_CERTIFICATE_DAYS = 3650


@dataclass(frozen=True, slots=True)
class DevnetNode:
    """One validator of the network: its home and where its RPC answers."""

    moniker: str
    home: Path
    p2p_port: int
    rpc_port: int

    @property
    def rpc(self) -> str:
        return f"http://127.0.0.1:{self.rpc_port}"


def devnet_nodes(home: Path, monikers: Sequence[str], base_port: int) -> tuple[DevnetNode, ...]:
    """Where each node's home and ports are: node i has `base_port + 10·i` for peers and the next for RPC."""
    return tuple(
        DevnetNode(
            moniker, home / moniker, base_port + PORTS_PER_NODE * i, base_port + PORTS_PER_NODE * i + 1
        )
        for i, moniker in enumerate(monikers)
    )


def init_devnet(
    home: Path,
    monikers: Sequence[str],
    app_state: Mapping[str, Any],
    chain_id: str,
    base_port: int,
    config: Mapping[str, Any] | None = None,
) -> tuple[DevnetNode, ...]:
    """Create `home/genesis.json` and one home per moniker (`home/<moniker>`), each with fresh keys.

    `app_state` is the genesis' application state (docs/formats.md section 3: the authority). `config`
    overrides values of every config.json. Refuses (HomeInvalid) to touch homes that exist.
    """
    nodes = devnet_nodes(home, monikers, base_port)
    if len(set(monikers)) != len(monikers) or not monikers:
        raise HomeInvalid("each validator needs a moniker of its own")
    if taken := [node.moniker for node in nodes if node.home.exists()]:
        raise HomeInvalid(f"a home exists already for {', '.join(taken)}: remove it or choose another folder")
    home.mkdir(parents=True, exist_ok=True)
    keys = [SigningKey.generate() for _ in nodes]
    certificates = [_make_home(node, key, config or {}) for node, key in zip(nodes, keys, strict=True)]
    genesis = _genesis(nodes, keys, app_state, chain_id)
    for node in nodes:
        (node.home / "genesis.json").write_bytes(genesis)
        (node.home / "peers.json").write_bytes(_peers(node, nodes, keys, certificates))
    (home / "genesis.json").write_bytes(genesis)
    return nodes


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A node that wants to become a validator, and what the proposal to let it in must name."""

    node: DevnetNode
    public_key: bytes
    certificate: bytes
    """DER."""


def init_newcomer(
    home: Path,
    moniker: str,
    port: int,
    members: Sequence[DevnetNode],
    config: Mapping[str, Any] | None = None,
) -> Newcomer:
    """Create `home/<moniker>` for a node that knows `members`; it gets blocks once they have let it in."""
    node = DevnetNode(moniker, home / moniker, port, port + 1)
    if node.home.exists():
        raise HomeInvalid(f"a home exists already for {moniker}: remove it or choose another folder")
    key = SigningKey.generate()
    certificate = _make_home(node, key, config or {})
    (node.home / "genesis.json").write_bytes((members[0].home / "genesis.json").read_bytes())
    keys = [Home(member.home).signing_key() for member in members]
    certificates = [(member.home / "node.crt").read_text() for member in members]
    (node.home / "peers.json").write_bytes(_peers(node, members, keys, certificates))
    return Newcomer(node, bytes(key.verify_key), certificate_der(certificate))


def _make_home(node: DevnetNode, key: SigningKey, config: Mapping[str, Any]) -> str:
    """Write everything but genesis and peers; returns the node's certificate (PEM)."""
    (node.home / "data").mkdir(parents=True, mode=0o700)
    settings = {"moniker": node.moniker, "p2p_port": node.p2p_port, "rpc_port": node.rpc_port, **config}
    (node.home / "config.json").write_text(json.dumps(settings, indent=1) + "\n")
    _write_private(node.home / "priv_validator_key.json", _validator_key(key))
    certificate, tls_key = _certificate(node.moniker)
    _write_private(node.home / "node.key", tls_key)
    (node.home / "node.crt").write_bytes(certificate)
    GuardFile.create(node.home / "data" / "signer.state")
    return certificate.decode()


def _validator_key(key: SigningKey) -> bytes:
    public = bytes(key.verify_key)
    document = {
        "address": address_of(public).hex().upper(),
        "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(public).decode()},
        "priv_key": {
            "type": "tendermint/PrivKeyEd25519",
            "value": base64.b64encode(bytes(key) + public).decode(),
        },
    }
    return json.dumps(document, indent=1).encode()


def _certificate(moniker: str) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key (PEM): pinned by peers, so no name or authority matters."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, moniker)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _genesis(
    nodes: Sequence[DevnetNode], keys: Sequence[SigningKey], app_state: Mapping[str, Any], chain_id: str
) -> bytes:
    validators = tuple(
        GenesisValidator(bytes(key.verify_key), _POWER, node.moniker)
        for node, key in zip(nodes, keys, strict=True)
    )
    now_ms = time.time_ns() // 1_000_000
    genesis = Genesis(chain_id, now_ms * 1_000_000, validators, app_state, app_version=APP_VERSION)
    return json.dumps(genesis.to_json(), indent=1).encode() + b"\n"


def _peers(
    node: DevnetNode, nodes: Sequence[DevnetNode], keys: Sequence[SigningKey], certificates: Sequence[str]
) -> bytes:
    others = [
        {
            "moniker": other.moniker,
            "host": "127.0.0.1",
            "port": other.p2p_port,
            "validator": address_of(bytes(key.verify_key)).hex().upper(),
            "certificate": certificate,
        }
        for other, key, certificate in zip(nodes, keys, certificates, strict=True)
        if other is not node
    ]
    return json.dumps(others, indent=1).encode() + b"\n"


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
