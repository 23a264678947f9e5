/** From a record's metadata, a token and its data key to its plaintext: fetched, checked, decrypted here. */
import { parseManifest } from "../../storage/manifest.js";
import { openWholeRecord } from "../../storage/cipher.js";
import { getStream } from "../http.js";

/** @param {{record: {record_id: string, manifest: string}, token: string, dataKey: Uint8Array}} options */
export async function readRecord({ record, token, dataKey }) {
  const at = `/api/records/${record.record_id}`;
  const [manifest, ciphertext] = await Promise.all([getStream(`${at}/manifest`, token), getStream(`${at}/ciphertext`, token)]);
  const parsed = await parseManifest(new Uint8Array(await manifest.arrayBuffer()), record.manifest);
  return openWholeRecord({ manifest: parsed, dataKey, record: record.record_id, body: ciphertext.body });
}
