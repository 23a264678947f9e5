"""People at their screens: each has a browser of their own and acts only through what the page shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.browser import FLAGS, MISSING, find
from tests.flows.consortium import Consortium

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
PIN = "284613"
SLOW_MS = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """A real Chromium. Raises AssertionError that says how to get one."""
    path = find()
    assert path is not None, MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path), args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Someone:
    """A person of the demo in a browser of their own. `errors` collects what the pages threw."""

    consortium: Consortium
    browser: Browser
    handle: str
    size: dict[str, int]
    locale: str = "en"
    context: BrowserContext = field(init=False)
    page: Page = field(init=False)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        scale = {"device_scale_factor": 2, "is_mobile": True, "has_touch": True} if self.size == PHONE else {}
        self.context = self.browser.new_context(viewport=self.size, **scale)  # type: ignore[arg-type]
        self.page = self.context.new_page()
        self.page.set_default_timeout(SLOW_MS)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self) -> None:
        self.page.goto(self.consortium.link(self.handle))
        self.choose_language(self.locale)

    def choose_language(self, locale: str) -> None:
        """Press EN or 中文 in the page's header."""
        self.locale = locale
        html = self.page.locator("html")
        if html.get_attribute("lang") != locale:
            self.page.locator(f".tongues [value={locale}]").click()
            expect(html).to_have_attribute("lang", locale)

    @property
    def origin(self) -> str:
        return f"http://{self.handle}.localhost:{self.consortium.port}"

    def get(self, path: str, **headers: str) -> requests.Response:
        """Ask as a program would that has this browser's session: no page is involved."""
        return self._send("GET", path, headers)

    def get_json(self, path: str) -> Any:
        return self.get(path).json()

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        """Post as a program would that has stolen this browser's session."""
        return self._send("POST", path, {"X-CSRFToken": self._cookies()["csrftoken"], **headers}, body)

    def _send(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> requests.Response:
        # Only browsers resolve names below "localhost": the address is dialled, the name sent along.
        host = {"Host": self.origin.removeprefix("http://"), "Origin": self.origin, "Referer": self.origin}
        return requests.request(
            method,
            f"http://127.0.0.1:{self.consortium.port}{path}",
            headers={**host, **headers},
            cookies=self._cookies(),
            json=body,
            timeout=30,
            allow_redirects=False,
        )

    def _cookies(self) -> dict[str, str]:
        return {c["name"]: c["value"] for c in self.context.cookies(self.origin)}

    def goto(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def text(self) -> str:
        """Everything that the page shows."""
        return self.page.locator("body").inner_text()

    def close(self) -> None:
        self.context.close()


class Patient(Someone):
    """A patient with a phone."""

    def set_up(self, custody: str) -> None:
        """First visit: keys on the phone (`self`) or under a PIN (`custodial`); waits for the records."""
        self.goto("/patient/set-up/")
        if custody == "self":
            self.page.locator("#self-held").click()
        else:
            self.page.locator("#custodial").click()
            self.page.locator("#pin-form [name=pin]").fill(PIN)
            self.page.locator("#pin-form [name=again]").fill(PIN)
            self.page.locator("#pin-form [type=submit]").click()
        expect(self.page.locator("#result .note.ok, #result .ok")).to_be_visible(timeout=90_000)

    def code(self) -> str:
        self.goto("/patient/")
        return self.page.locator("#my-code").inner_text().strip()

    def be_at_home(self) -> None:
        """The home page, open and connected."""
        self.goto("/patient/")
        expect(self.page.locator("#link-state[data-state=open]")).to_be_attached(timeout=SLOW_MS)

    def wait_for_request(self, request_id: str = "") -> None:
        """Stay on the open home page until this request (or any) rings."""
        expect(self._card(request_id)).to_be_visible(timeout=SLOW_MS)

    def open_request(self, request_id: str = "") -> None:
        """Tap the card that rang; waits until who asks was checked and the approval is prepared."""
        self._card(request_id).locator("a[role=button]").click()
        self.ready_to_approve()

    def _card(self, request_id: str) -> Locator:
        return self.page.locator(f"[data-request='{request_id}']" if request_id else "[data-request]").first

    def ready_to_approve(self) -> None:
        expect(self.page.locator("#approve")).to_be_enabled(timeout=SLOW_MS)

    def switch_off(self, record_type: str) -> None:
        self.page.locator(f"input[role=switch][name^='{record_type}/']").first.uncheck()
        self.ready_to_approve()

    def shorten_to(self, seconds: int) -> None:
        self.page.locator("#request select").select_option(str(seconds))
        self.ready_to_approve()

    def approve(self, pin: str = "") -> None:
        self.ready_to_approve()
        if pin:
            self.page.locator("#pin").fill(pin)
        self.page.locator("#approve").click()

    def refuse(self) -> None:
        self.page.locator("#refuse").click()

    def stop(self, consent_id: str, pin: str = "") -> None:
        """Revoke one live permission from the home page."""
        self.goto("/patient/")
        self.page.locator(f"[data-stop='{consent_id}']").click()
        if pin:
            self.page.locator("#pin-form [name=pin]").fill(pin)
            self.page.locator("#pin-form [type=submit]").click()

    def consent_of(self, request_id: str) -> dict[str, Any]:
        """The patient's own view of the consent that answered a request."""
        consents: list[dict[str, Any]] = self.get_json("/api/patient/consents")
        return next(c for c in consents if c["request_id"] == request_id)


class Clinician(Someone):
    """A clinician at the bedside."""

    def register_device(self) -> None:
        self.goto("/clinician/device/")
        self.page.locator("#register").click()
        self.page.wait_for_url("**/clinician/", timeout=SLOW_MS)

    def ask(self, code: str, preset: str = "ward") -> str:
        """Ask with two taps; returns the request's id."""
        self.goto("/clinician/")
        self.page.locator("#code").fill(code)
        self.page.locator(f"[name=preset][value={preset}]").click()
        self.page.wait_for_url("**/clinician/requests/*/", timeout=SLOW_MS)
        return self.page.url.rstrip("/").rpartition("/")[2]

    def wait_until_open(self, timeout_ms: int = SLOW_MS) -> None:
        expect(self.page.locator("#state[data-state=active]")).to_be_visible(timeout=timeout_ms)
        expect(self.page.locator("#chart h2").first).to_be_visible(timeout=timeout_ms)

    def wait_for_state(self, state: str, timeout_ms: int = SLOW_MS) -> None:
        expect(self.page.locator(f"#state[data-state={state}]")).to_be_visible(timeout=timeout_ms)
