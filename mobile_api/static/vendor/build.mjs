// Bundles the packages of package.json into one ES module (or style sheet) each, and writes manifest.json.
// Run it by hand when a version changes: see README.md. Nothing here runs in production.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const BUNDLES = [
  {
    file: "hpke.js",
    packages: ["@hpke/core", "@hpke/dhkem-x25519", "@hpke/hybridkem-x-wing", "@hpke/common", "mlkem"],
    source: `export { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core";
             export { DhkemX25519HkdfSha256 } from "@hpke/dhkem-x25519";
             export { XWing } from "@hpke/hybridkem-x-wing";`,
  },
  {
    file: "noble-ed25519.js",
    packages: ["@noble/curves", "@noble/hashes"],
    source: `export { ed25519, x25519 } from "@noble/curves/ed25519.js";`,
  },
  {
    file: "cborg.js",
    packages: ["cborg"],
    source: `export { decode, decodeFirst, encode } from "cborg";`,
  },
  {
    file: "qr.js",
    packages: ["qr"],
    source: `export { encodeQR } from "qr";
             export { decodeQR } from "qr/decode.js";
             export { QRCanvas, frameLoop, rearCamera, selfieCamera, svgToPng } from "qr/dom.js";`,
  },
  { file: "uplot.js", packages: ["uplot"], source: `export { default } from "uplot/dist/uPlot.esm.js";` },
  {
    file: "dicom-parser.js",
    packages: ["dicom-parser"],
    source: `export { default } from "dicom-parser";`,
  },
];
const COPIES = [
  { file: "uplot.css", packages: ["uplot"], from: "node_modules/uplot/dist/uPlot.min.css" },
  { file: "pico.min.css", packages: ["@picocss/pico"], from: "node_modules/@picocss/pico/css/pico.min.css" },
];

// dicom-parser asks for Node's zlib as it loads; a browser has none, so deflated files say that they need an inflater.
const withoutZlib = {
  name: "without-zlib",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^zlib$/ }, () => ({ path: "zlib", namespace: "empty" }));
    onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "export {};" }));
  },
};

async function bundle({ file, source }) {
  await build({
    stdin: { contents: source, resolveDir: ".", sourcefile: "entry.js" },
    outfile: file,
    allowOverwrite: true,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    external: ["crypto"], // hpke asks for it only where there is no WebCrypto
    plugins: [withoutZlib],
  });
}

async function described(name) {
  const at = `node_modules/${name}`;
  const about = JSON.parse(await readFile(`${at}/package.json`, "utf8"));
  const licence = (await readdir(at)).find((entry) => /^licen[cs]e(\.md|\.txt)?$/i.test(entry));
  const text = `licenses/${name.replace("/", "__")}.txt`;
  await copyFile(`${at}/${licence}`, text);
  return { name, version: about.version, license: about.license, text };
}

await mkdir("licenses", { recursive: true });
const files = {};
for (const entry of [...BUNDLES, ...COPIES]) {
  if (entry.source) await bundle(entry);
  else await copyFile(entry.from, entry.file);
  const bytes = await readFile(entry.file);
  files[entry.file] = {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    bytes: bytes.length,
    packages: await Promise.all(entry.packages.map(described)),
  };
}
await writeFile("manifest.json", JSON.stringify({ files }, null, 2) + "\n");
