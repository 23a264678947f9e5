"""Every string that Python and templates mark for translation is in the Chinese catalog.

Extraction as makemessages does it, without its external tool; scripts have a test beside their pages.
"""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
APPS = ("salus", "accounts", "storage", "wallet", "mobile_api", "interop", "oversight")
MARKERS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
MARKED = re.compile(r"\bn?gettext\(u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")


def chinese() -> set[str]:
    with (ROOT / "locale/zh_Hans/LC_MESSAGES/django.mo").open("rb") as file:
        held = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {key if isinstance(key, str) else key[0] for key, text in held.items() if text}


def in_python(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in MARKERS and isinstance(node.args[0].value, str):
                yield node.args[0].value


def in_template(path: Path) -> Iterator[str]:
    yield from (ast.literal_eval(found) for found in MARKED.findall(templatize(path.read_text())))


PYTHON = [p for app in APPS for p in sorted((ROOT / app).rglob("*.py")) if "migrations" not in p.parts]
TEMPLATES = [page for place in ("templates", *APPS) for page in sorted((ROOT / place).rglob("*.html"))]


def test_extraction_finds_what_is_marked(tmp_path: Path) -> None:
    page, module = tmp_path / "page.html", tmp_path / "words.py"
    page.write_text(
        """{% load i18n %}{% translate "Approve" %} <b title="{% trans "Li Mei's" %}"></b>"""
        "{% blocktranslate count n=n %}One record{% plural %}{{ n }} records{% endblocktranslate %}"
    )
    module.write_text('A = _("Refuse")\nB = gettext_lazy("Revoke")\nC = print("no")\n')
    assert list(in_template(page)) == ["Approve", "Li Mei's", "One record"]
    assert list(in_python(module)) == ["Refuse", "Revoke"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_string_of_a_template_is_in_the_chinese_catalog(path: Path) -> None:
    assert set(in_template(path)) - chinese() == set()


def test_every_string_of_python_is_in_the_chinese_catalog() -> None:
    known = chinese()
    missing = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in PYTHON
        for text in in_python(path)
        if text not in known
    ]
    assert missing == []
