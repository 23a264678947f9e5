"""The device's key store: keys that survive a restart, cannot be read out, and are never overwritten."""

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from ledger.types.signing import verify_ed25519
from tests.js.wallet.conftest import new_page
from tests.wallet.core.cast import LI_MEI, RECORDS
from wallet.core import suites
from wallet.core._ledger import b64u_decode
from wallet.core.envelope import SealingPublic, record_key_info, seal

pytestmark = pytest.mark.browser

START = """const { openKeystore } = await load('keystore');
    const { b64uEncode: text, b64uDecode: bytes } = await load('_ledger');
    const store = await openKeystore({ name: v.name, useWebCrypto: v.webCrypto });"""
SIGN = """const signer = await store.signer('did');
    const signature = await signer.sign(new Uint8Array([1, 2, 3]));
    return { public: text(signer.public), signature: text(signature) };"""
BOTH = pytest.mark.parametrize("web_crypto", [True, False], ids=["WebCrypto", "fallback"])


def run(page: Page, script: str, name: str, *, web_crypto: bool = True, **more: Any) -> Any:
    argument = {"name": name, "webCrypto": web_crypto, **more}
    return page.evaluate(f"async (v) => {{ {START} {script} }}", argument)


def refusal(page: Page, script: str, name: str = "refusals", *, web_crypto: bool = True) -> str:
    tried = f"""try {{ await (async () => {{ {START} {script} }})(); return ''; }}
        catch (e) {{ return e.code ?? e.name; }}"""
    return str(page.evaluate(f"async (v) => {{ {tried} }}", {"name": name, "webCrypto": web_crypto}))


def verified(signed: dict[str, str]) -> bool:
    return verify_ed25519(b64u_decode(signed["public"]), b"\1\2\3", b64u_decode(signed["signature"]))


@BOTH
def test_a_signature_made_on_the_device_verifies_on_the_ledger(page: Page, web_crypto: bool) -> None:
    script = "await store.createSigningKey('did');" + SIGN
    assert verified(run(page, script, f"sign-{web_crypto}", web_crypto=web_crypto))


@pytest.mark.parametrize("suite", [suites.HYBRID, suites.CLASSIC])
def test_the_device_opens_what_python_seals_to_its_key(page: Page, suite: str) -> None:
    name = f"seal-{suite}"
    made = run(
        page,
        """const made = await store.createSealingKey('did', { id: '#seal-1', suite: v.suite });
           return { ...made, public: text(made.public) };""",
        name,
        suite=suite,
    )
    info = record_key_info(record=RECORDS[0], epoch=1, recipient=LI_MEI)
    envelope = seal(SealingPublic("#seal-1", suite, b64u_decode(made["public"])), b"k" * 32, info)
    document = {name: getattr(envelope, name) for name in ("suite", "key", "enc", "ct")}
    opened = run(
        page,
        """const { openEnvelope, recordKeyInfo } = await load('envelope');
           const info = recordKeyInfo({ record: v.record, epoch: 1, recipient: v.recipient });
           return text(await store.withSealingKey('did', (key) => openEnvelope(key, v.envelope, info)));""",
        name,
        envelope=document,
        record=RECORDS[0],
        recipient=LI_MEI,
    )
    assert b64u_decode(opened) == b"k" * 32


def test_a_sealing_key_kept_beyond_its_use_opens_nothing(page: Page) -> None:
    script = """await store.createSealingKey('did', { id: '#seal-1', suite: v.suite });
        const { openEnvelope, seal } = await load('envelope');
        const envelope = await seal(await store.sealingPublic('did'), new Uint8Array(32), new Uint8Array());
        const kept = await store.withSealingKey('did', async (key) => key);
        try { await openEnvelope(kept, envelope, new Uint8Array()); } catch (e) { return e.code; }
        return 'opened';"""
    assert run(page, script, "kept", suite=suites.HYBRID) == "cannot_open"


def test_a_signing_key_cannot_be_read_out_and_no_seed_lies_open_in_the_database(page: Page) -> None:
    script = """await store.createSigningKey('did');
        await store.createSealingKey('did', { id: '#seal-1', suite: v.suite });
        const open = indexedDB.open(v.name);
        const database = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
        const all = (kind) => new Promise((resolve) => {
          const request = database.transaction(kind).objectStore(kind).getAll();
          request.onsuccess = () => resolve(request.result);
        });
        const refused = async (format, key) => {
          try { await crypto.subtle.exportKey(format, key); return 'exported'; } catch (e) { return e.name; }
        };
        const [wrapping] = await all('wrapping');
        const [signing] = await all('signing');
        const [sealing] = await all('sealing');
        return { signing: await refused('pkcs8', signing.privateKey),
                 wrapping: await refused('raw', wrapping.key),
                 signingFields: Object.keys(signing).sort(), seed: Object.keys(sealing.seed).sort(),
                 bytes: sealing.seed.ct.length };"""
    assert run(page, script, "export", suite=suites.HYBRID) == {
        "signing": "InvalidAccessError",
        "wrapping": "InvalidAccessError",
        "signingFields": ["privateKey", "public", "slot"],
        "seed": ["ct", "iv"],
        "bytes": 48,
    }


@BOTH
def test_a_key_is_never_overwritten(page: Page, web_crypto: bool) -> None:
    twice = "await store.createSigningKey('twice'); await store.createSigningKey('twice');"
    name = f"twice-{web_crypto}"
    assert refusal(page, twice, name, web_crypto=web_crypto) == "exists"
    sealing = "const made = { id: '#seal-1', suite: 'X25519/HKDF-SHA256/AES-256-GCM' };"
    sealing += "await store.createSealingKey('twice', made); await store.createSealingKey('twice', made);"
    assert refusal(page, sealing, name, web_crypto=web_crypto) == "exists"


def test_a_missing_key_is_missing_and_a_removed_one_too(page: Page) -> None:
    assert refusal(page, "await store.signer('nobody');") == "missing"
    removed = "await store.createSigningKey('gone'); await store.remove('gone'); await store.signer('gone');"
    assert refusal(page, removed) == "missing"


def test_a_seed_moved_to_another_slot_does_not_sign(page: Page) -> None:
    script = """await store.createSigningKey('a'); await store.createSigningKey('b');
        const open = indexedDB.open(v.name);
        const database = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
        const objects = database.transaction('signing', 'readwrite').objectStore('signing');
        await new Promise((resolve) => {
          const request = objects.get('a');
          request.onsuccess = () => { objects.put({ ...request.result, slot: 'b' }).onsuccess = resolve; };
        });
        await (await store.signer('b')).sign(new Uint8Array(1));"""
    assert refusal(page, script, "moved", web_crypto=False) == "damaged"


def test_two_tabs_that_open_the_store_at_once_share_one_wrapping_key(page: Page) -> None:
    script = """const name = 'race';
        const open = () => openKeystore({ name, useWebCrypto: false });
        const stores = await Promise.all([open(), open(), open(), open(), open()]);
        await stores[0].createSigningKey('did');
        const sign = async (store) => (await store.signer('did')).sign(new Uint8Array(1));
        const signed = await Promise.all(stores.map(sign));
        return new Set(signed.map((s) => text(s))).size;"""
    assert run(page, script, "race") == 1


@pytest.mark.parametrize(
    "broken",
    [
        "Object.defineProperty(globalThis, 'indexedDB', { value: undefined });",
        """Object.defineProperty(globalThis, 'indexedDB', {
             get() { throw new DOMException('x', 'SecurityError'); } });""",
        """indexedDB.open = () => {
             const request = {};
             setTimeout(() => request.onerror(new Event('error')));
             return request;
           };""",
    ],
    ids=["no IndexedDB", "blocked storage", "a private window that fails to open"],
)
def test_without_indexeddb_the_error_says_what_to_do(context: BrowserContext, site: str, broken: str) -> None:
    page = new_page(context, site)
    page.evaluate(broken)
    assert refusal(page, "") == "unavailable"
    page.close()


@BOTH
def test_keys_survive_a_reload(page: Page, web_crypto: bool) -> None:
    name = f"reload-{web_crypto}"
    run(page, "await store.createSigningKey('did'); store.close();", name, web_crypto=web_crypto)
    page.reload()
    assert verified(run(page, SIGN, name, web_crypto=web_crypto))


def test_persistence_is_asked_for_and_answered(page: Page) -> None:
    answer = page.evaluate("async () => (await load('keystore')).requestPersistence()")
    assert isinstance(answer, bool)
