// What the wallet's modules take from the ledger's, in one place.
export function jcs(value) {
  return new TextEncoder().encode(spell(value));
}
function spell(value) {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new TypeError("not an integer");
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(spell).join(",")}]`;
  return `{${Object.keys(value).sort().map((k) => `${JSON.stringify(k)}:${spell(value[k])}`).join(",")}}`;
}
export async function taggedHash(tag, ...parts) {
  const all = [new TextEncoder().encode(tag), ...parts];
  const out = new Uint8Array(all.reduce((n, p) => n + 4 + p.length, 0));
  let at = 0;
  for (const p of all) {
    new DataView(out.buffer).setUint32(at, p.length);
    out.set(p, at + 4);
    at += 4 + p.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", out));
}
export function b64uEncode(bytes) {
  let s = "";
  for (const b of bytes) s += String.fromCharCode(b);
  return btoa(s).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
export function b64uDecode(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new TypeError("not b64u");
  const s = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const out = Uint8Array.from(s, (c) => c.charCodeAt(0));
  if (b64uEncode(out) !== text) throw new TypeError("not canonical b64u");
  return out;
}
const sha = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
const cat = (...p) => { const o = new Uint8Array(p.reduce((n, x) => n + x.length, 0)); let a = 0; for (const x of p) { o.set(x, a); a += x.length; } return o; };
export const handle = (salt, record) => taggedHash("salus/handle/v1", salt, new TextEncoder().encode(record));
export const wrapHash = (wrap) => taggedHash("salus/wrap/v1", wrap);
export const wrapsHash = async (hashes) => b64uEncode(await taggedHash("salus/wraps/v1", ...hashes));
export async function handlesRoot(leaves) {
  if (leaves.length === 1) return sha(cat(Uint8Array.of(0), leaves[0]));
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha(cat(Uint8Array.of(1), await handlesRoot(leaves.slice(0, k)), await handlesRoot(leaves.slice(k))));
}
