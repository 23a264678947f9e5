"""The numbers a deployment may choose, and the stores built from them."""

from dataclasses import dataclass

from storage.core.errors import ConfigurationInvalid
from storage.core.layout import CHUNK_BYTES

SEGMENT_BYTES = 64 << 20


@dataclass(frozen=True)
class Policy:
    """How records are coded and how long to wait.

    `min_write`: how many of the n slots must be stored for an upload to count (n: full strength or nothing).
    `segment`: largest pack object, bytes. Times are seconds: a provider that makes no progress for
    `write_timeout` has failed; a shard not read in `hedge` makes us ask another provider as well, and in
    `read_timeout` has failed; `lease` is how long an upload lives without a sign from its process.
    """

    k: int = 4
    n: int = 6
    min_write: int = 6
    chunk: int = CHUNK_BYTES
    segment: int = SEGMENT_BYTES
    write_timeout: float = 60.0
    read_timeout: float = 30.0
    hedge: float = 1.0
    lease: float = 600.0

    def __post_init__(self) -> None:
        if not (1 <= self.k < self.n <= 32 and self.k <= self.min_write <= self.n):
            raise ConfigurationInvalid(
                f"k <= min_write <= n, k < n <= 32 must hold: {self.k}, {self.min_write}, {self.n}"
            )
