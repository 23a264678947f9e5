"""The scripts a browser loads: no file that nothing loads, no exported name that nothing imports."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "mobile_api" / "static"
NOT_SERVED = {"README.md", "build.mjs", "manifest.json", "package.json", "package-lock.json"}
"""How vendored files were made and checked; `vendor/licenses` likewise."""

PUBLIC = {"NotConfirmed", "AttackDetected"}
"""What a caller of the light client catches by name, whichever page that is."""
LIBRARY = {"ledger/light_consent.js"}
"""Checks that a verifier outside our pages runs; the tests run them in a browser."""

EXPORTED = re.compile(r"^export\s+(?:async\s+)?(?:function\*?|const|let|class)\s+([\w$]+)", re.M)
EXPORT_LIST = re.compile(r"^export\s*\{([^}]*)\}", re.M)
NAMED = re.compile(r"(?:\bimport|^export)\s*\{([^}]*)\}\s*from\b|\{([^{}]*)\}\s*=\s*await\s+import\(", re.M)
WHOLE = re.compile(r"\bimport\s+\*\s+as\s|\bimport\(|\bload\(")
MEMBER = re.compile(r"\.([A-Za-z_$][\w$]*)")


def ours(*suffixes: str) -> list[Path]:
    return [
        path for path in sorted(STATIC.rglob("*")) if path.suffix in suffixes and "vendor" not in path.parts
    ]


def exports(text: str) -> set[str]:
    listed = (
        name.split(" as ")[-1].strip() for names in EXPORT_LIST.findall(text) for name in names.split(",")
    )
    return {*EXPORTED.findall(text), *(name for name in listed if name)}


def imports(text: str) -> set[str]:
    """Names that a text takes from some module: listed, or as members of a module taken whole."""
    groups = [first or second for first, second in NAMED.findall(text)]
    named = {re.split(r"\s+as\s+|:", name)[0].strip() for group in groups for name in group.split(",")}
    return named | set(MEMBER.findall(text) if WHOLE.search(text) else [])


def readers() -> Iterator[tuple[Path, str]]:
    """Everything that may import a script: scripts, pages, and tests that drive a browser."""
    yield from ((path, path.read_text()) for path in ours(".js"))
    for place, suffixes in (
        ("templates", (".html",)),
        ("tests", (".js", ".html", ".py")),
        ("bench", (".py",)),
    ):
        paths = (path for path in sorted((ROOT / place).rglob("*")) if path.suffix in suffixes)
        yield from ((path, path.read_text()) for path in paths if path != Path(__file__))


@pytest.mark.parametrize("path", ours(".js"), ids=lambda path: str(path.relative_to(STATIC)))
def test_every_exported_name_is_imported_somewhere(path: Path) -> None:
    taken = {name for reader, text in readers() if reader != path for name in imports(text)}
    unused = sorted(exports(path.read_text()) - taken - PUBLIC)
    assert unused == [], "drop `export`, or delete the name"


def test_every_static_file_is_loaded_by_something() -> None:
    texts = [text for path, text in readers() if "tests" not in path.parts]
    texts += [(ROOT / "mobile_api" / "shell.py").read_text(), *(path.read_text() for path in ours(".css"))]
    unused = [
        str(path.relative_to(STATIC))
        for path in sorted(STATIC.rglob("*"))
        if path.is_file()
        and path.name not in NOT_SERVED
        and str(path.relative_to(STATIC)) not in LIBRARY
        and "licenses" not in path.parts
        and not any(
            name in text for text in texts for name in (path.name, re.sub(r"\d+", "{size}", path.name))
        )
    ]
    assert unused == []
