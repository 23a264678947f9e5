"""The desk's list in pages: every record once, none lost at the edge."""

import re

from django.test import Client

from accounts.api import person_ensure
from tests.interop.conftest import Faces

A_PAGE = 20


def test_the_desks_records_come_in_pages_each_shown_once(faces: Faces) -> None:
    riverside = faces.world.organisations["riverside"]
    browser = Client()
    browser.force_login(
        person_ensure(handle="records", name="Records desk", role="operator", organisation=riverside)
    )
    for number in range(A_PAGE + 1):
        faces.world.ingest("li-mei", "riverside", (f"Type{number:02}", str(number).encode()))
    first = browser.get("/desk/").content.decode()
    second = browser.get("/desk/?page=2").content.decode()
    shown = [re.findall(r"Type\d\d", page) for page in (first, second)]
    assert [len(found) for found in shown] == [A_PAGE, 1]
    assert len({*shown[0], *shown[1]}) == A_PAGE + 1
    assert ('rel="next"' in first, 'rel="prev"' in first) == (True, False)
    assert ('rel="next"' in second, 'rel="prev"' in second) == (False, True)
    assert browser.get("/desk/?page=nonsense").status_code == 200
