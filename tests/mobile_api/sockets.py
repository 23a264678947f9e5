"""A WebSocket client that speaks ASGI to a consumer (channels' own needs daphne, which we do not run)."""

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator


class WebsocketCommunicator(ApplicationCommunicator):
    """One connection to `application` at `path`."""

    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.scope = {"type": "websocket", "path": path, "headers": headers, "query_string": b""}
        super().__init__(application, self.scope)

    async def connect(self) -> None:
        """Ask for the connection and expect it to be accepted."""
        await self.send_input({"type": "websocket.connect"})
        assert (await self.receive_output(timeout=3))["type"] == "websocket.accept"

    async def send_text(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def send_json_to(self, message: Any) -> None:
        await self.send_text(json.dumps(message))

    async def receive_json_from(self, timeout: float = 3) -> Any:
        output = await self.receive_output(timeout=timeout)
        assert output["type"] == "websocket.send", output
        return json.loads(output["text"])

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(timeout=3)
