"""The door of the pages: what `salus` wires together."""

from mobile_api.push.keys import vapid_key_create
from mobile_api.realtime.pump import run_pump as feed_pump
from mobile_api.realtime.routing import websocket_application

__all__ = ["feed_pump", "vapid_key_create", "websocket_application"]
