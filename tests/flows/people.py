"""People at their screens: each has a browser context of their own and acts only through what the page shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

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
        if self.locale != "en":
            self.choose_language(self.locale)

    def choose_language(self, locale: str) -> None:
        self.page.context.request.post(
            f"{self.origin}/language/",
            form={"language": locale, "next": "/"},
            headers={"X-CSRFToken": self._csrf(), "Referer": self.origin},
        )
        self.page.reload()

    @property
    def origin(self) -> str:
        return f"http://{self.handle}.localhost:{self.consortium.port}"

    def _csrf(self) -> str:
        return next((c["value"] for c in self.context.cookies() if c["name"] == "csrftoken"), "")

    def get_json(self, path: str) -> Any:
        answer = self.context.request.get(self.origin + path)
        return answer.json()

    def close(self) -> None:
        self.context.close()


class Patient(Someone):
    """A patient with a phone."""

    def set_up(self, custody: str) -> None:
        """First visit: keys on the phone (`self`) or under a PIN (`custodial`); waits for the records."""
        self.page.goto(f"{self.origin}/patient/set-up/")
        if custody == "self":
            self.page.locator("#self-held").click()
        else:
            self.page.locator("#custodial").click()
            self.page.locator("#pin-form [name=pin]").fill(PIN)
            self.page.locator("#pin-form [name=again]").fill(PIN)
            self.page.locator("#pin-form [type=submit]").click()
        expect(self.page.locator("#result .note.ok, #result .ok")).to_be_visible(timeout=90_000)

    def code(self) -> str:
        self.page.goto(f"{self.origin}/patient/")
        return self.page.locator("#my-code").inner_text().strip()

    def wait_for_request(self) -> str:
        """Stay on the home page until it rings; returns the request's id."""
        card = self.page.locator("[data-request]").first
        expect(card).to_be_visible(timeout=SLOW_MS)
        return card.get_attribute("data-request") or ""

    def open_request(self) -> None:
        self.page.locator("[data-request] a[role=button]").first.click()
        expect(self.page.locator("#approve")).to_be_visible()

    def ready_to_approve(self) -> None:
        expect(self.page.locator("#approve")).to_be_enabled(timeout=SLOW_MS)

    def approve(self, pin: str = "") -> None:
        self.ready_to_approve()
        if pin:
            self.page.locator("#pin").fill(pin)
        self.page.locator("#approve").click()

    def refuse(self) -> None:
        self.page.locator("#refuse").click()

    def stop_first(self, pin: str = "") -> None:
        """Revoke the first live permission from the home page."""
        self.page.goto(f"{self.origin}/patient/")
        self.page.locator("[data-stop]").first.click()
        if pin:
            self.page.locator("#pin-dialog [name=pin]").fill(pin)
            self.page.locator("#pin-dialog [type=submit]").click()


class Clinician(Someone):
    """A clinician at the bedside."""

    def register_device(self) -> None:
        self.page.goto(f"{self.origin}/clinician/device/")
        self.page.locator("#register").click()
        self.page.wait_for_url("**/clinician/", timeout=SLOW_MS)

    def ask(self, code: str, preset: str = "ward") -> str:
        """Ask with two taps; returns the request's id."""
        self.page.goto(f"{self.origin}/clinician/")
        self.page.locator("#code").fill(code)
        self.page.locator(f"[name=preset][value={preset}]").click()
        self.page.wait_for_url("**/clinician/requests/*/", timeout=SLOW_MS)
        return self.page.url.rstrip("/").rpartition("/")[2]

    def wait_until_open(self, timeout_ms: int = SLOW_MS) -> None:
        expect(self.page.locator("#state[data-state=active]")).to_be_visible(timeout=timeout_ms)
        expect(self.page.locator("#chart h2").first).to_be_visible(timeout=timeout_ms)

    def wait_for_state(self, state: str, timeout_ms: int = SLOW_MS) -> None:
        expect(self.page.locator(f"#state[data-state={state}]")).to_be_visible(timeout=timeout_ms)
