"""Every string is said in both languages: catalogs are whole, pages hold no untranslated sentence."""

import gettext
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client

from tests.mobile_api.conftest import World, signed_in

ROOT = Path(__file__).resolve().parents[2]
CHINESE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES"
SCRIPTS = sorted((ROOT / "mobile_api/static/pages").rglob("*.js"))
CALL = re.compile(r'\bn?gettext\(\s*"((?:[^"\\]|\\.)*)"')
CJK = re.compile(r"[\u3400-\u9fff]")
PAGES = {
    "li-mei": ["/patient/", "/patient/set-up/", "/patient/looked/", "/patient/settings/"],
    "okafor": ["/clinician/", "/clinician/device/"],
    "clerk": ["/insurer/"],
}


def catalog(domain: str) -> dict[str, str]:
    with (CHINESE / f"{domain}.mo").open("rb") as file:
        held = gettext.GNUTranslations(file)._catalog
    return {key if isinstance(key, str) else key[0]: text for key, text in held.items() if key}


def said_in(text: str) -> set[str]:
    return {json.loads(f'"{found}"') for found in CALL.findall(text)}


class Texts(HTMLParser):
    """The text and the spoken attributes of a page, without its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.skip = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skip += tag in ("script", "style", "svg")
        self.found += [value or "" for name, value in attrs if name in ("aria-label", "alt", "title")]

    def handle_endtag(self, tag: str) -> None:
        self.skip -= tag in ("script", "style", "svg")

    def handle_data(self, data: str) -> None:
        if not self.skip:
            self.found.append(data)


def sentences(html: str) -> Iterator[str]:
    page = Texts()
    page.feed(html)
    yield from (" ".join(text.split()) for text in page.found if text.strip())


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_string_of_a_script_is_in_the_chinese_catalog(path: Path) -> None:
    assert said_in(path.read_text()) <= catalog("djangojs").keys()


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_the_chinese_catalog_is_whole_and_compiled(domain: str) -> None:
    source = (CHINESE / f"{domain}.po").read_text()
    assert "#, fuzzy" not in source
    held = catalog(domain)
    assert len(held) == len(re.findall(r"^msgid (?!\"\"\n\n|\"\"\nmsgstr)", source, re.M)) - (
        1 if re.search(r'^msgid ""\nmsgstr ""\n"Project', source, re.M) is None else 0
    )
    assert all(held.values())


@pytest.mark.parametrize(("name", "paths"), PAGES.items())
def test_no_page_in_chinese_holds_an_english_sentence(li_mei: World, name: str, paths: list[str]) -> None:
    english = {message for message in catalog("django") if len(message) > 3 and " " in message}
    client = signed_in(li_mei, name)
    client.cookies["django_language"] = "zh-hans"
    for path in paths:
        html = client.get(path).content.decode()
        assert '<html lang="zh-hans">' in html
        texts = list(sentences(html))
        assert any(CJK.search(text) for text in texts)
        assert not english & set(texts), path


@pytest.mark.parametrize(("name", "paths"), PAGES.items())
def test_no_page_in_english_holds_chinese(li_mei: World, name: str, paths: list[str]) -> None:
    client = signed_in(li_mei, name)
    for path in paths:
        texts = [text for text in sentences(client.get(path).content.decode()) if text != "中文"]
        assert not [text for text in texts if CJK.search(text)]


def test_scripts_get_their_strings_in_the_language_they_ask_for() -> None:
    told = Client().get("/i18n/catalog.json?language=zh-hans").json()["catalog"]
    assert told["Approve"] == "批准"
    assert "Approve" not in Client().get("/i18n/catalog.json?language=en").json()["catalog"]
    assert "Approve" not in Client().get("/i18n/catalog.json?language=../../etc").json()["catalog"]


def test_the_offline_page_speaks_both_languages_and_holds_nobodys_data(li_mei: World) -> None:
    client = signed_in(li_mei, "li-mei")
    assert "No connection" in client.get("/offline/").content.decode()
    client.cookies["django_language"] = "zh-hans"
    page = client.get("/offline/").content.decode()
    assert "没有网络连接" in page
    assert "李梅" not in page
