"""Signed transactions on their way to the ledger."""


def outbox_step() -> int:
    """Submit what is queued, once, in order per author; returns how many the ledger took or refused."""
    raise NotImplementedError
