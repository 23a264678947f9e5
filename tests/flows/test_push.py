"""A closed phone is rung by Web Push: what travels names nobody, and what is shown is as plain."""

import json
import queue
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.flows.conftest import Cast
from tests.flows.people import Patient

RINGS_WITHIN_S = 20
NAMES = ("Mei", "李梅", "Okafor", "North Lake", "Treatment", "Ward")


def b64u(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class PushService:
    """A push service of our own (RFC 8030) that can read: it holds a browser's keys (RFC 8291)."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    auth: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    taken: "queue.Queue[tuple[dict[str, str], bytes]]" = field(default_factory=queue.Queue)
    endpoint: str = ""

    def keys(self) -> dict[str, str]:
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": b64u(point), "auth": b64u(self.auth)}

    def read(self, body: bytes) -> str:
        plain = http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm")
        return str(plain.decode())


@pytest.fixture
def service() -> Iterator[PushService]:
    found = PushService()

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.taken.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Take) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.endpoint = f"http://127.0.0.1:{server.server_address[1]}/{secrets.token_urlsafe(16)}"
        yield found
        server.shutdown()


def subscribe(cast: Cast, patient: Patient, service: PushService) -> None:
    """As if this patient's browser had subscribed there. The API itself takes known push services only."""
    refused = patient.post("/api/push/subscribe", {"endpoint": service.endpoint, "keys": service.keys()})
    assert refused.status_code == 400
    row = {"endpoint": service.endpoint, "language": "en", **service.keys()}
    script = (
        "import json; from accounts.models import Person; from mobile_api.models import PushSubscription; "
        f"PushSubscription.objects.create(person_id=Person.objects.get(handle={patient.handle!r}).id, "
        f"**json.loads({json.dumps(row)!r}))"
    )
    done = cast.consortium.manage("shell", "-c", script)
    assert done.returncode == 0, done.stderr


def test_a_closed_phone_is_rung_without_a_name(cast: Cast, service: PushService) -> None:
    patient, doctor = cast.li_mei(), cast.dr_okafor()
    patient.goto("/patient/")
    subscribe(cast, patient, service)
    patient.page.goto("about:blank")

    request_id = doctor.ask(cast.code(patient))
    headers, body = service.taken.get(timeout=RINGS_WITHIN_S)
    assert headers["content-encoding"] == "aes128gcm"
    assert headers["authorization"].startswith("vapid t=")
    bell = service.read(body)
    assert json.loads(bell) == {"text": "A request is waiting", "id": request_id, "lang": "en"}
    assert not [name for name in NAMES if name in bell or name in json.dumps(headers)]

    # What the phone makes of it, once the browser's push service hands it over.
    patient.context.grant_permissions(["notifications"], origin=patient.origin)
    patient.goto("/patient/")
    shown = deliver(patient, bell)
    assert shown == {"title": "Salus", "body": "A request is waiting", "tag": request_id}
    doctor.page.locator("#withdraw").click()
    doctor.wait_for_state("withdrawn")


NOTIFICATIONS = """async () => {
  const registration = await navigator.serviceWorker.ready;
  for (let tries = 0; tries < 50; tries += 1) {
    const [found] = await registration.getNotifications();
    if (found) return { title: found.title, body: found.body, tag: found.tag };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return null;
}"""


def deliver(patient: Patient, bell: str) -> dict[str, str] | None:
    """Hand a message to the page's service worker, as a push service does; returns the notification shown."""
    patient.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    session = patient.context.new_cdp_session(patient.page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(
            r["registrationId"] for r in event["registrations"] if r["scopeURL"].startswith(patient.origin)
        ),
    )
    session.send("ServiceWorker.enable")
    patient.page.wait_for_timeout(500)
    assert found, "the service worker is not registered"
    message = {"origin": patient.origin, "registrationId": found[-1], "data": bell}
    session.send("ServiceWorker.deliverPushMessage", message)
    shown: dict[str, str] | None = patient.page.evaluate(NOTIFICATIONS)
    session.detach()
    return shown
