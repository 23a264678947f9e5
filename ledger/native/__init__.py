"""Compiled help for a validator's hot path, where it was built (`make native`); all works without it, slower.

Rules
- Each function has a twin in Python, beside which it is used; the tests run one against the other, and a
  ledger has the same bytes with either.
- Signatures are verified by the crate under `py-ed25519-zebra-bindings`; a batch of them costs a third of
  what they cost one by one.
- A file that this machine cannot load counts as none.
"""

from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any, Protocol, cast

Signed = tuple[bytes, bytes, bytes]
"""A 32-byte public key, a message, a 64-byte signature."""

_BUILT = Path(__file__).parent / "target" / "release"
_NAMES = ("libsalus_native.so", "libsalus_native.dylib")


class Compiled(Protocol):
    """What the library offers."""

    def verify_batch(self, signed: list[Signed]) -> bool:
        """Twin of `ledger.types.signing.verify_all`."""

    def root(self, leaves: list[bytes]) -> bytes:
        """Twin of `ledger.types.merkle.root`."""

    def root_of_hashes(self, hashes: list[bytes]) -> bytes:
        """Twin of `ledger.types.merkle.root_of_hashes`; ValueError unless each has 32 bytes."""

    def update(self, root: Any, changes: dict[bytes, bytes | None], leaf: type, inner: type) -> Any:
        """Twin of `ledger.machine.state.updated`, with nodes of these classes."""


def _load() -> Compiled | None:
    path = next((_BUILT / name for name in _NAMES if (_BUILT / name).exists()), None)
    if path is None:
        return None
    loader = ExtensionFileLoader("salus_native", str(path))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    try:
        module = module_from_spec(spec)
        loader.exec_module(module)
    except ImportError:
        return None
    return cast(Compiled, module)


COMPILED = _load()
