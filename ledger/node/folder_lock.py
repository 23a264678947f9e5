"""One process per home folder."""

import fcntl
import os
from pathlib import Path


def take_lock(path: Path) -> int:
    """Hold the lock file at `path` until the process ends; returns the descriptor to keep.

    Raises OSError when another process holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
