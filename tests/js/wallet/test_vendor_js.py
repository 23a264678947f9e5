"""The vendored libraries load in a browser as they are and do what we took them for."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser
README = Path(__file__).parents[3] / "mobile_api" / "static" / "vendor" / "README.md"
ROWS = re.findall(r"^\| `([a-z0-9-]+\.js)`[^|]*\| ([^|]+) \|", README.read_text("utf-8"), re.MULTILINE)


def run(page: Page, file: str, script: str) -> object:
    return page.evaluate(
        f"async () => {{ const m = await import('/mobile_api/static/vendor/{file}'); {script} }}"
    )


@pytest.mark.parametrize("row", [*ROWS, ("uplot.js", "default")], ids=lambda row: row[0])
def test_each_library_exports_what_the_readme_says(page: Page, row: tuple[str, str]) -> None:
    file, said = row
    names = ["default"] if said.startswith("default") else re.findall(r"`([A-Za-z0-9]+)`", said)
    assert sorted(str(name) for name in run(page, file, "return Object.keys(m);")) == sorted(names)  # type: ignore[attr-defined]


def test_a_code_of_an_approvals_size_reads_back(page: Page) -> None:
    script = """const text = 'https://example.org/' + 'aB3-'.repeat(110);
        const bits = m.encodeQR(text, 'raw', { ecc: 'medium', border: 4 });
        const size = bits.length, scale = 4, side = size * scale;
        const data = new Uint8ClampedArray(side * side * 4).fill(255);
        for (let at = 0; at < side * side; at++) {
          const [x, y] = [at % side, Math.floor(at / side)].map((one) => Math.floor(one / scale));
          if (bits[y][x]) data.fill(0, at * 4, at * 4 + 3);
        }
        return m.decodeQR({ width: side, height: side, data }) === text;"""
    assert run(page, "qr.js", script) is True


def test_cbor_reads_back(page: Page) -> None:
    assert run(page, "cborg.js", "return m.decode(m.encode({ a: [1, 'b', null] }));") == {"a": [1, "b", None]}


def test_dicom_parser_refuses_what_is_no_dicom(page: Page) -> None:
    script = "try { m.default.parseDicom(new Uint8Array(200)); return ''; } catch (e) { return String(e); }"
    assert "DICM" in str(run(page, "dicom-parser.js", script))


def test_twenty_records_are_opened_and_granted_while_a_person_looks_at_the_request(page: Page) -> None:
    script = """const [e, g] = await Promise.all(['envelope', 'grant'].map(load));
        const seed = crypto.getRandomValues(new Uint8Array(32));
        const key = await e.importSealingKey({ id: '#s', suite: e.HYBRID, seed });
        const to = { id: '#s', suite: e.HYBRID, public: await e.publicFromSeed(e.HYBRID, seed) };
        const info = new Uint8Array(9);
        const sealed = [];
        for (let n = 0; n < 20; n++) sealed.push(await e.seal(to, new Uint8Array(32), info));
        const start = performance.now();
        for (const one of sealed) await e.openEnvelope(key, one, info);
        const opened = performance.now();
        await e.seal(to, new Uint8Array(32), info);
        return [opened - start, performance.now() - opened];"""
    opening, sealing = run(page, "hpke.js", script)  # type: ignore[misc]
    print(f"20 hybrid envelopes opened in {opening:.0f} ms, one sealed in {sealing:.1f} ms")
    assert opening < 5000, "an order of magnitude beyond what was measured"
