"""Loopback ports for servers that a test starts."""

import os
import socket

# Below those that outgoing connections take (32,768 and up on Linux), so that none is taken in between.
FIRST, LAST = 12_000, 32_000


def free_ports(count: int) -> int:
    """The first of `count` neighbouring free ports. Processes start their search in different places."""
    for first in range(FIRST + os.getpid() % 300 * 50, LAST - count, count):
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
    raise RuntimeError(f"no {count} neighbouring free ports between {FIRST} and {LAST}")
