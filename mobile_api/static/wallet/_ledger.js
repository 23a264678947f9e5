// What the wallet's modules take from the ledger's, in one place.
export { compareBytes, concat, equalBytes, utf8 } from "../ledger/bytes.js";
export { b64uDecode, b64uEncode, jcs, taggedHash } from "../ledger/canonical.js";
export { handle, handlesRoot, wrapHash, wrapsHash } from "../ledger/handles.js";
export { verifyEd25519 } from "../ledger/signing.js";
