"""The vendored browser libraries: the bytes that were reviewed, with their licences, and nothing fetched."""

import hashlib
import json
import re
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[3] / "mobile_api" / "static" / "vendor"
FILES = json.loads((VENDOR / "manifest.json").read_text())["files"]
NAMESPACES = ("http://www.w3.org/",)
COMMENTED = "https://picocss.com"


def test_the_manifest_names_every_library_and_no_other() -> None:
    served = {path.name for path in VENDOR.iterdir() if path.suffix in {".js", ".css"}}
    assert served == set(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_library_has_the_reviewed_bytes_and_its_licences(name: str) -> None:
    entry, content = FILES[name], (VENDOR / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    for package in entry["packages"]:
        assert package["version"]
        assert package["license"]
        assert "copyright" in (VENDOR / package["text"]).read_text().lower()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_library_names_no_other_server(name: str) -> None:
    text = (VENDOR / name).read_text()
    urls = set(re.findall(r"(?:https?|wss?)://[^\"'`\s)]+", text))
    assert not {url for url in urls if not url.startswith((*NAMESPACES, COMMENTED))}


def test_versions_are_pinned_exactly() -> None:
    package = json.loads((VENDOR / "package.json").read_text())
    for version in {**package["dependencies"], **package["devDependencies"]}.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    locked = json.loads((VENDOR / "package-lock.json").read_text())["packages"]
    assert all("integrity" in entry for path, entry in locked.items() if path)
