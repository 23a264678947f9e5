"""A validator's home folder: what lies where, and reading it.

config.json               moniker, addresses to listen on, timeouts
genesis.json              the chain's beginning, the same for every validator
peers.json                the other validators: moniker, where they listen, pinned certificate, address
node.key, node.crt        this node's TLS key (0600) and self-signed certificate
priv_validator_key.json   the key that signs votes (0600), in CometBFT's form
data/                     signer.state (double-sign guard), wal.log, blocks.log, snapshots/,
                          incoming/ (chunks of one that is being taken over), evidence.pending, lock
"""

import base64
from pathlib import Path
from typing import Annotated, Any

import msgspec
from nacl.signing import SigningKey

from ledger.node.errors import HomeInvalid
from ledger.node.folder_lock import take_lock
from ledger.node.peers import PeerAddress, certificate_der
from ledger.node.snapshot_writer import SNAPSHOT_TXS
from ledger.types.params import TRUSTING_PERIOD_S

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Duration = Annotated[int, msgspec.Meta(ge=1, le=600_000)]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """config.json. Durations are milliseconds; each timeout grows by its delta per round."""

    moniker: str
    p2p_port: Port
    rpc_port: Port
    p2p_host: str = "127.0.0.1"
    rpc_host: str = "127.0.0.1"
    timeout_propose_ms: Duration = 1000
    timeout_prevote_ms: Duration = 300
    timeout_precommit_ms: Duration = 300
    timeout_delta_ms: Duration = 300
    trusting_period_s: Annotated[int, msgspec.Meta(ge=3)] = TRUSTING_PERIOD_S
    """What light clients trust a header for: an idle ledger makes a block three times within it."""
    snapshot_every: Annotated[int, msgspec.Meta(ge=1)] = 1000
    """Blocks from one snapshot that newcomers are offered to the next; the same for every validator."""
    snapshot_txs: Annotated[int, msgspec.Meta(ge=1)] = SNAPSHOT_TXS
    """After so many transactions a snapshot is taken for this node's own restart, which executes the rest."""
    state_sync_beyond: Annotated[int, msgspec.Meta(ge=0)] = 5_000
    """A node that is more blocks behind than this takes a snapshot over first, if it is empty or prunes its
    blocks; and whenever nobody has the blocks that it needs. 0: it never does."""
    trusted_height: Annotated[int, msgspec.Meta(ge=0)] = 0
    trusted_hash: Annotated[str, msgspec.Meta(pattern="^([0-9A-Fa-f]{64})?$")] = ""
    """A header that the operator had confirmed by others; a snapshot is verified from there. 0: from the
    genesis, or from the last block here."""
    retain_blocks: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How many blocks to keep at least; 0 keeps all."""
    rpc_calls_per_s: Annotated[int, msgspec.Meta(ge=1)] = 200
    """How many calls each address may make; this machine's own as many as it likes."""
    max_block_txs: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 2_000
    mempool_txs: Annotated[int, msgspec.Meta(ge=1)] = 5_000
    mempool_bytes: Annotated[int, msgspec.Meta(ge=65_536)] = 16 * 1024 * 1024
    watts_per_core: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 10
    """What one busy processor core draws, for estimates where the machine has no RAPL counters to read."""


class PeerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of peers.json: `certificate` is PEM, `validator` the hex address of its voting key."""

    moniker: str
    host: str
    port: Port
    certificate: str
    validator: str = ""

    def address(self) -> PeerAddress:
        return PeerAddress(
            self.moniker,
            self.host,
            self.port,
            certificate_der(self.certificate),
            bytes.fromhex(self.validator),
        )


class _KeyValue(msgspec.Struct, frozen=True):
    type: str
    value: str


class _ValidatorKey(msgspec.Struct, frozen=True):
    address: str
    pub_key: _KeyValue
    priv_key: _KeyValue


class Home:
    """The paths and the parsed files of one home. Reading raises HomeInvalid, which names the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.genesis = folder / "genesis.json"
        self.certificate = folder / "node.crt"
        self.tls_key = folder / "node.key"
        self.validator_key = folder / "priv_validator_key.json"
        self.guard = self.data / "signer.state"
        self.wal = self.data / "wal.log"
        self.blocks = self.data / "blocks.log"
        self.snapshots = self.data / "snapshots"
        self.incoming = self.data / "incoming"
        self.evidence = self.data / "evidence.pending"

    def config(self) -> Config:
        config: Config = self._read(self.folder / "config.json", Config)
        return config

    def peers(self) -> tuple[PeerAddress, ...]:
        """Every other validator."""
        entries: tuple[PeerEntry, ...] = self._read(self.folder / "peers.json", tuple[PeerEntry, ...])
        try:
            return tuple(entry.address() for entry in entries)
        except ValueError as error:
            raise HomeInvalid(
                f"peers.json holds a certificate or address that cannot be read: {error}"
            ) from error

    def signing_key(self) -> SigningKey:
        """This validator's key; refused when others may read the file."""
        if self.validator_key.exists() and self.validator_key.stat().st_mode & 0o077:
            raise HomeInvalid(f"{self.validator_key.name} may be read by others: chmod 600 it")
        entry: _ValidatorKey = self._read(self.validator_key, _ValidatorKey)
        try:
            return SigningKey(base64.b64decode(entry.priv_key.value, validate=True)[:32])
        except ValueError as error:
            raise HomeInvalid(f"{self.validator_key.name} holds no Ed25519 key") from error

    def lock(self) -> int:
        """Keep a second node out of this home until the process ends; returns the descriptor to keep."""
        try:
            return take_lock(self.data / "lock")
        except OSError as error:
            raise HomeInvalid(f"another node already runs on {self.folder.name}: stop it first") from error

    @staticmethod
    def _read(path: Path, kind: Any) -> Any:
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError) as error:
            raise HomeInvalid(f"{path.name} cannot be read: {error}") from error
