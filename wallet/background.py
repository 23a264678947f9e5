"""What runs beside requests: outbox, projector, expiry."""

import threading


def run_background(stop: threading.Event) -> None:
    """Run outbox, projector and expiry until `stop` is set; blocks. Errors are logged and retried."""
    raise NotImplementedError
