"""A thin node's home folder: what lies where, and making it.

thin.json       the validators' addresses, where to listen, how long a header is trusted
genesis.json    the chain's beginning, as the consortium handed it out
trusted.json    verified headers, in the form of `python -m ledger.light`
evidence/       what made the node halt: two signed histories
lock            keeps a second node out

Rules
- The first start makes it from the command line; later starts need nothing but the folder.
- What the command line says again replaces what thin.json says. The genesis never changes.
"""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from ledger.node.folder_lock import take_lock
from ledger.node.record_log import write_atomically
from ledger.thin.errors import HomeUnusable
from ledger.types.genesis import Genesis, GenesisError

MIN_VALIDATORS = 2


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """thin.json."""

    validators: tuple[str, ...]
    rpc_host: str = "127.0.0.1"
    rpc_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 26757
    rpc_calls_per_s: Annotated[int, msgspec.Meta(ge=1)] = 200
    """How many calls each address may make; this machine's own as many as it likes."""
    trusting_period_s: Annotated[int, msgspec.Meta(ge=1)] = 14 * 86_400
    clock_drift_s: Annotated[int, msgspec.Meta(ge=0, le=600)] = 10
    watts_per_core: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 10


class ThinHome:
    """The paths of one home, and reading it. Raises HomeUnusable, which says what to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config_file = folder / "thin.json"
        self.genesis_file = folder / "genesis.json"
        self.trusted = folder / "trusted.json"
        self.evidence = folder / "evidence"

    def prepare(
        self,
        genesis: Path | None,
        validators: tuple[str, ...],
        listen: tuple[str, int] | None,
        trusting_period_s: int | None = None,
        clock_drift_s: int | None = None,
    ) -> Config:
        """Make the home, or bring it up to what the command line says; the configuration to run with."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take_genesis(genesis)
        given = {
            "validators": tuple(dict.fromkeys(_address(url) for url in validators)) or None,
            "rpc_host": listen[0] if listen else None,
            "rpc_port": listen[1] if listen else None,
            "trusting_period_s": trusting_period_s,
            "clock_drift_s": clock_drift_s,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        before = self._config()
        config = msgspec.structs.replace(before or Config(()), **changes)
        if len(config.validators) < MIN_VALIDATORS:
            raise HomeUnusable(
                f"name at least {MIN_VALIDATORS} validators, --validators URL URL: one serves, one confirms"
            )
        if config != before:
            write_atomically(self.config_file, msgspec.json.format(msgspec.json.encode(config)) + b"\n")
        return config

    def genesis(self) -> Genesis:
        """The genesis that all trust starts from."""
        try:
            return Genesis.read(self.genesis_file.read_bytes())
        except OSError as error:
            raise HomeUnusable(
                f"{self.folder.name} is no thin node's home yet: start it once with --genesis FILE"
                " --validators URL URL ..."
            ) from error
        except GenesisError as error:
            raise HomeUnusable(f"genesis.json: {error}") from error

    def lock(self) -> int:
        """Keep a second node out of this home until the process ends; returns the descriptor to keep."""
        try:
            return take_lock(self.folder / "lock")
        except OSError as error:
            raise HomeUnusable(f"another node already runs on {self.folder.name}: stop it first") from error

    def _take_genesis(self, source: Path | None) -> None:
        if source is None:
            return
        try:
            given = source.read_bytes()
            Genesis.read(given)
        except (OSError, GenesisError) as error:
            raise HomeUnusable(f"--genesis {source.name}: {error}") from error
        if not self.genesis_file.exists():
            write_atomically(self.genesis_file, given)
        elif Genesis.read(self.genesis_file.read_bytes()) != Genesis.read(given):
            raise HomeUnusable(
                "--genesis: this home is of another ledger, whose genesis it keeps; choose another --home"
            )

    def _config(self) -> Config | None:
        if not self.config_file.exists():
            return None
        try:
            return msgspec.json.decode(self.config_file.read_bytes(), type=Config)
        except msgspec.DecodeError as error:
            raise HomeUnusable(f"thin.json cannot be read: {error}") from error


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HomeUnusable(f"--validators: expected http://HOST:PORT or https://HOST, got {url!r}")
    return url.rstrip("/")
