"""Web Push against a real HTTP receiver that decrypts as a browser does (RFC 8291, RFC 8292)."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accounts.api import Person, person_ensure
from mobile_api.api import vapid_key_create
from mobile_api.models import PushDue, PushSubscription
from mobile_api.push.bells import ring_due
from mobile_api.push.keys import application_server_key
from mobile_api.push.subscriptions import is_push_service
from mobile_api.realtime.feed import acknowledge

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class PushService:
    """A push service with one browser behind it. `answer` is the status it gives."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))
    answer: int = 201
    location: str = ""
    received: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def subscription(self) -> dict[str, Any]:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": b64u(point), "auth": b64u(self.auth)}
        return {"endpoint": f"{self.url}/secret-capability", "keys": keys}

    def message(self) -> dict[str, Any]:
        [(_, _, body)] = self.received
        told: dict[str, Any] = json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth))
        return told


@pytest.fixture
def service(settings: Any, tmp_path: Path) -> Iterator[PushService]:
    made = PushService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.received.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(made.answer)
            if made.location:
                self.send_header("Location", made.location)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        settings.SALUS_PUSH_SERVICES = [made.url]
        settings.SALUS_VAPID_KEY_FILE = tmp_path / "vapid.pem"
        vapid_key_create(tmp_path / "vapid.pem")
        yield made
        server.shutdown()


@pytest.fixture
def amina() -> Person:
    return person_ensure(handle="amina", name="Amina Diallo", role="patient", language="zh-hans")


def subscribe(client: Any, person: Person, service: PushService) -> Any:
    client.force_login(person)
    return client.post("/api/push/subscribe", service.subscription, content_type="application/json")


def bell(person: Person, seq: int = 1) -> PushDue:
    return PushDue.objects.create(person_id=person.id, seq=seq, opaque_id="Q" * 22, due_at=NOW)


def test_a_closed_phone_rings_with_a_text_that_names_nobody(client: Any, amina: Person, service: PushService):
    assert subscribe(client, amina, service).status_code == 204
    bell(amina)
    assert ring_due(NOW) == 1
    assert service.message() == {"text": "A request is waiting", "id": "Q" * 22, "lang": "en"}
    [(_, headers, body)] = service.received
    assert headers["authorization"].startswith("vapid t=")
    assert b"waiting" not in body
    assert not PushDue.objects.exists()


def test_the_text_is_in_the_language_of_the_subscribing_page(
    client: Any, amina: Person, service: PushService
):
    client.cookies["django_language"] = "zh-hans"
    subscribe(client, amina, service)
    bell(amina)
    ring_due(NOW)
    assert service.message()["text"] == "有一个请求等待处理"


def test_an_open_page_that_confirmed_keeps_the_phone_silent(client: Any, amina: Person, service: PushService):
    subscribe(client, amina, service)
    bell(amina)
    acknowledge(amina.id, 1)
    assert ring_due(NOW) == 0
    assert service.received == []


def test_a_bell_waits_for_its_time_and_an_old_one_is_dropped(
    client: Any, amina: Person, service: PushService
):
    subscribe(client, amina, service)
    bell(amina)
    assert ring_due(NOW - timedelta(seconds=1)) == 0
    assert PushDue.objects.exists()
    assert ring_due(NOW + timedelta(hours=1)) == 0
    assert not PushDue.objects.exists()


def test_a_browser_that_is_gone_is_forgotten(client: Any, amina: Person, service: PushService):
    subscribe(client, amina, service)
    service.answer = 410
    bell(amina)
    assert ring_due(NOW) == 0
    assert not PushSubscription.objects.exists()


def test_a_redirect_of_the_push_service_is_not_followed(client: Any, amina: Person, service: PushService):
    subscribe(client, amina, service)
    service.answer, service.location = 307, f"{service.url}/inside"
    bell(amina)
    assert ring_due(NOW) == 0
    assert [path for path, _, _ in service.received] == ["/secret-capability"]


def test_the_log_of_a_failure_does_not_hold_the_endpoint(client, amina: Person, service: PushService, caplog):
    subscribe(client, amina, service)
    service.answer = 500
    bell(amina)
    ring_due(NOW)
    assert "web push" in caplog.text
    assert "secret-capability" not in caplog.text


@pytest.mark.parametrize(
    ("endpoint", "known"),
    [
        ("https://fcm.googleapis.com/fcm/send/abc", True),
        ("https://updates.push.services.mozilla.com/wpush/v2/x", True),
        ("https://web.push.apple.com/x", True),
        ("http://fcm.googleapis.com/fcm/send/abc", False),
        ("https://fcm.googleapis.com.mallory.example/x", False),
        ("https://fcm.googleapis.com:8443/x", False),
        ("https://mallory@fcm.googleapis.com/x", False),
        ("https://127.0.0.1/x", False),
        ("https://169.254.169.254/latest/meta-data", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_known_push_services_are_posted_to(endpoint: str, known: bool) -> None:
    assert is_push_service(endpoint) is known


def test_a_foreign_endpoint_is_refused_when_it_is_registered(
    client: Any, amina: Person, service: PushService
):
    client.force_login(amina)
    body = service.subscription | {"endpoint": "http://127.0.0.1:9/steal"}
    answer = client.post("/api/push/subscribe", body, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_push_service")


def test_a_person_can_only_forget_their_own_browser(client: Any, amina: Person, service: PushService):
    subscribe(client, amina, service)
    client.force_login(person_ensure(handle="li-mei", name="Li Mei", role="patient"))
    body = {"endpoint": service.subscription["endpoint"]}
    client.post("/api/push/unsubscribe", body, content_type="application/json")
    assert PushSubscription.objects.filter(person_id=amina.id).exists()


def test_the_vapid_key_is_made_once_and_is_for_the_service_alone(tmp_path: Path, settings: Any) -> None:
    path = tmp_path / "keys" / "vapid.pem"
    vapid_key_create(path)
    first = path.read_bytes()
    vapid_key_create(path)
    assert path.read_bytes() == first
    assert path.stat().st_mode & 0o077 == 0
    settings.SALUS_VAPID_KEY_FILE = path
    assert len(base64.urlsafe_b64decode(application_server_key() + "=")) == 65
    settings.SALUS_VAPID_KEY_FILE = tmp_path / "none"
    assert application_server_key() == ""


def test_without_a_key_nothing_rings_and_nothing_breaks(
    client: Any, amina: Person, service: PushService, settings
):
    subscribe(client, amina, service)
    settings.SALUS_VAPID_KEY_FILE = Path("/nonexistent")
    bell(amina)
    assert ring_due(NOW) == 0
    assert service.received == []
