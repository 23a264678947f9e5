"""A phone that is switched off: its keys are there when it starts again, and only there."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from ledger.types.signing import verify_ed25519
from tests.browser import FLAGS, MISSING, find
from tests.js.wallet.conftest import new_page
from wallet.core._ledger import b64u_decode

pytestmark = pytest.mark.browser

MAKE = """async () => {
    const store = await (await load('keystore')).openKeystore();
    return (await load('_ledger')).b64uEncode(await store.createSigningKey('did'));
}"""
SIGN = """async () => {
    const store = await (await load('keystore')).openKeystore();
    const signer = await store.signer('did');
    return (await load('_ledger')).b64uEncode(await signer.sign(new Uint8Array([1])));
}"""
SLOTS = "async () => (await (await load('keystore')).openKeystore()).slots('signing')"


def run(playwright: Any, profile: Path, site: str, script: str) -> Any:
    """Starts a browser on that profile, runs the script, and closes the browser."""
    path = find()
    assert path is not None, MISSING
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=str(path), args=FLAGS
    )
    try:
        return new_page(context, site).evaluate(script)
    finally:
        context.close()


def test_keys_survive_a_restart_of_the_browser_and_stay_in_its_profile(tmp_path: Path, site: str) -> None:
    with sync_playwright() as playwright:
        public = run(playwright, tmp_path / "phone", site, MAKE)
        signature = run(playwright, tmp_path / "phone", site, SIGN)
        assert verify_ed25519(b64u_decode(public), b"\1", b64u_decode(signature))
        assert run(playwright, tmp_path / "another phone", site, SLOTS) == []
