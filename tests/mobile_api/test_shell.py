"""The installable shell."""

from pathlib import Path

from django.test import Client

ROOT = Path(__file__).resolve().parents[2]


def test_the_manifest_names_icons_that_exist() -> None:
    manifest = Client().get("/manifest.webmanifest").json()
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert (ROOT / "mobile_api" / icon["src"].lstrip("/")).is_file()


def test_the_worker_may_serve_every_page_and_is_always_asked_for_again() -> None:
    answer = Client().get("/sw.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Service-Worker-Allowed"] == "/"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_the_worker_keeps_files_that_exist() -> None:
    worker = Client().get("/sw.js").content.decode()
    kept = worker.split("const SHELL = [")[1].split("]")[0].replace('"', "").replace("\n", "").split(",")
    for path in (name.strip() for name in kept):
        if path.startswith("/static/"):
            assert (ROOT / "mobile_api" / path.lstrip("/")).is_file(), path
        elif path:
            assert Client().get(path).status_code == 200
