"""These tests run on uvloop, as validators do; those of the mesh on asyncio's own loop as well."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories = {"uvloop": uvloop.new_event_loop}
    return {**factories, "asyncio": asyncio.new_event_loop} if item.path.stem == "test_peers" else factories
