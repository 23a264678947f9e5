/** What the Python tests call: each returns plain data, and a refusal as { code }. */
import * as cipher from "/mobile_api/static/storage/cipher.js";
import * as manifest from "/mobile_api/static/storage/manifest.js";

const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A stream of the bytes in pieces of `piece`. */
function streamOf(bytes, piece) {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + piece));
      at += piece;
    },
  });
}

async function told(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof manifest.StorageError)) throw error;
    return { code: error.code };
  }
}

window.salus = {
  parse: (body, cid = null, root = null) => told(async () => {
    const bytes = fromHex(body);
    const parsed = await manifest.parseManifest(bytes, cid ?? (await manifest.contentId(bytes)), root && fromHex(root));
    return { root: toHex(parsed.root), codec: parsed.codec, keyCommitment: toHex(parsed.keyCommitment) };
  }),
  /** Opens a case as the vectors hold it; gives the plaintext, or the code and what came out before. */
  open: async (item, piece = 7) => {
    let out = "";
    const result = await told(async () => {
      const parsed = await manifest.parseManifest(fromHex(item.manifest), item.cid);
      const body = streamOf(fromHex(item.ciphertext), piece);
      const parts = cipher.openRecord({ manifest: parsed, dataKey: fromHex(item.key), record: item.record, body });
      for await (const part of parts) out += toHex(part);
      return {};
    });
    return { ...result, plaintext: out };
  },
  /** Fetches and opens a large record; gives the SHA-256 of its plaintext. */
  fetchAndOpen: async (folder, item) => {
    const body = new Uint8Array(await (await fetch(`${folder}/manifest`)).arrayBuffer());
    const parsed = await manifest.parseManifest(body, item.cid);
    const response = await fetch(`${folder}/ciphertext`);
    const plaintext = await cipher.openWholeRecord({
      manifest: parsed, dataKey: fromHex(item.key), record: item.record, body: response.body });
    return { size: plaintext.length, sha256: toHex(await manifest.sha256(plaintext)) };
  },
};
