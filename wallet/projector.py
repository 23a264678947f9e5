"""The one reader of the ledger: turns committed transactions into rows and feed entries."""


def project_step(*, wait_s: float = 0.0) -> int:
    """Apply the next batch of ledger events, waiting up to `wait_s` for one; returns how many."""
    raise NotImplementedError


def projection_rebuild() -> int:
    """Drop every mirrored row and replay the ledger from its start; returns how many events were applied."""
    raise NotImplementedError
