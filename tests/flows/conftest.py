"""One consortium that nobody harms, one that tests may break, and the people of both at their screens.

Browser and consortia live as long as this package's tests: Playwright runs once at a time in a process.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser

from tests.flows.consortium import Consortium
from tests.flows.people import DESK, PHONE, PIN, Clinician, Patient, Someone, chromium

S = TypeVar("S", bound=Someone)


@dataclass
class Cast:
    """The people of one consortium. Each signs in and is set up when first called."""

    consortium: Consortium
    browser: Browser
    present: dict[str, Someone] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    def li_mei(self) -> Patient:
        """Self-held: her keys are in her own phone."""
        return self._patient("li-mei", "self")

    def amina(self) -> Patient:
        """Custodial: her keys open with her PIN."""
        return self._patient("amina-diallo", "custodial")

    def dr_okafor(self) -> Clinician:
        def arrive(someone: Clinician) -> None:
            someone.sign_in()
            someone.register_device()

        return self._someone("dr-okafor", Clinician, DESK, arrive)

    def insurer(self) -> Someone:
        return self._someone("noor-haddad", Someone, DESK, Someone.sign_in)

    def regulator(self) -> Someone:
        return self._someone("grace-kim", Someone, DESK, Someone.sign_in)

    def code(self, patient: Patient) -> str:
        return self.codes[patient.handle]

    def pin(self, patient: Patient) -> str:
        """What this patient enters to sign: nothing where the phone itself holds the keys."""
        return PIN if patient.handle == "amina-diallo" else ""

    def errors(self) -> list[str]:
        """What pages have thrown since this was last asked."""
        thrown = [f"{handle}: {error}" for handle, who in self.present.items() for error in who.errors]
        for who in self.present.values():
            who.errors.clear()
        return thrown

    def leave(self) -> None:
        for who in self.present.values():
            who.close()

    def _patient(self, handle: str, custody: str) -> Patient:
        def arrive(someone: Patient) -> None:
            someone.sign_in()
            someone.set_up(custody)
            self.codes[handle] = someone.code()

        return self._someone(handle, Patient, PHONE, arrive)

    def _someone(self, handle: str, kind: type[S], size: dict[str, int], arrive: Callable[[S], None]) -> S:
        found = self.present.get(handle)
        if not isinstance(found, kind):
            found = kind(self.consortium, self.browser, handle, size)
            self.present[handle] = found
            arrive(found)
        return found


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def _cast(home: Path, browser: Browser) -> Iterator[Cast]:
    consortium = Consortium(home).start()
    cast = Cast(consortium, browser)
    try:
        yield cast
    finally:
        cast.leave()
        consortium.stop()


@pytest.fixture(scope="package")
def calm(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Cast]:
    """People of a consortium in which nothing breaks."""
    yield from _cast(tmp_path_factory.mktemp("calm") / "home", browser)


@pytest.fixture(scope="package")
def harmed(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Cast]:
    """People of a consortium that tests break; take `breakable`, which mends it afterwards."""
    yield from _cast(tmp_path_factory.mktemp("harmed") / "home", browser)


@pytest.fixture
def cast(calm: Cast) -> Iterator[Cast]:
    """The people of the consortium that nobody harms; no page may throw an error."""
    calm.errors()
    yield calm
    assert calm.errors() == []


@pytest.fixture
def breakable(harmed: Cast) -> Iterator[Cast]:
    """A consortium whose processes may be killed; what was killed is started again afterwards."""
    harmed.errors()
    yield harmed
    harmed.consortium.heal()
    assert harmed.errors() == []
