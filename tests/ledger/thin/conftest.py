"""The network of four validators that thin nodes ask."""

from tests.ledger.cluster.conftest import network

__all__ = ["network"]
