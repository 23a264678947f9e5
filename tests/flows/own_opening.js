/**
 * Makes `signOpening()`: a fresh, valid AccessOpened for one record of a grant, signed with this device's own
 * access key, outside of the page's flow. What the bedside's own code could do if it did not close its view.
 */
async ({ consent, request }) => {
  const load = (path) => import(`/static/${path}`);
  const { bodyOf, signedWire } = await load("pages/tx.js");
  const { proofFields, proveHandles, wrapsHash } = await load("ledger/handles.js");
  const { b64uDecode } = await load("ledger/canonical.js");
  const { ACCESS_KEY_ID } = await load("ledger/tx.js");
  const { orderedHandles } = await load("wallet/grant.js");
  const { accessSigner } = await load("pages/clinician/device_keys.js");

  const grant = await (await fetch(`/api/clinician/consents/${consent}/grant`)).json();
  const signer = await accessSigner(request);
  const all = await orderedHandles(b64uDecode(grant.salt, 32), grant.artefact.records);
  const [record] = grant.records;
  const proof = await proveHandles(all.map(({ handle }) => handle), [b64uDecode(record.handle, 32)]);
  globalThis.signOpening = async () => signedWire(
    bodyOf("AccessOpened", { author: `access:${consent}`, now: Date.now() },
      { consent, ...proofFields(proof), wraps: await wrapsHash([b64uDecode(record.wrap_hash, 32)]) }),
    ACCESS_KEY_ID, signer);
}
