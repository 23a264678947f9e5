"""WebSocket routes; `salus.asgi` mounts `websocket_application`."""

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from mobile_api.realtime.consumers import FeedConsumer

websocket_application = AuthMiddlewareStack(URLRouter([path("ws/feed", FeedConsumer.as_asgi())]))
