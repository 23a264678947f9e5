"""Find Chromium for the tests, or say how to get it. Run as a module it prints what was found."""

import os
import shutil
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = (
    "The browser tests need Chromium and found none on PATH.\n"
    "  Debian, Ubuntu:  sudo make system-deps\n"
    "  macOS:           brew install --cask chromium\n"
    "  elsewhere:       set SALUS_CHROMIUM=/path/to/chromium"
)


def find() -> Path | None:
    """The browser's path, from SALUS_CHROMIUM or PATH; None when there is none."""
    named = os.environ.get("SALUS_CHROMIUM")
    if named:
        return Path(named) if Path(named).exists() else None
    for name in NAMES:
        if path := shutil.which(name):
            return Path(path)
    return None


if __name__ == "__main__":
    found = find()
    if found is None:
        sys.exit(MISSING)
    print(f"Browser for the tests: {found}")
