"""Compiled help for the hot path, where it was built (`make native`); everything works without it.

One function: a batch of Ed25519 signatures costs half of what they cost one by one. The verdicts are those of
`ledger.types.signing.verify_ed25519`: both are the crate `ed25519-zebra`, whose batch and single verification
agree by construction (ZIP-215).
"""

import ctypes
from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

Signed = tuple[bytes, bytes, bytes]
"""A 32-byte public key, a message, a 64-byte signature."""

_BUILT = Path(__file__).parent / "target" / "release"
_NAMES = ("libsalus_verify.so", "libsalus_verify.dylib")


def load_verify_batch() -> Callable[[Sequence[Signed]], bool] | None:
    """The compiled batch verifier: whether all of these hold. None where it was not built."""
    path = next((_BUILT / name for name in _NAMES if (_BUILT / name).exists()), None)
    if path is None:
        return None
    function = ctypes.CDLL(str(path)).salus_verify_batch
    function.argtypes = [ctypes.c_size_t, *[ctypes.c_char_p] * 3, ctypes.c_void_p]
    function.restype = ctypes.c_int32

    def verify_batch(signed: Sequence[Signed]) -> bool:
        keys, messages, signatures = zip(*signed, strict=True)
        if any(len(key) != 32 for key in keys) or any(len(one) != 64 for one in signatures):
            return False
        ends = array("I", accumulate(map(len, messages)))
        at = ends.buffer_info()[0]
        return function(len(keys), b"".join(keys), b"".join(signatures), b"".join(messages), at) == 1

    return verify_batch
