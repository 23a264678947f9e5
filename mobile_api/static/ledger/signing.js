// Ed25519 verification by ZIP-215, as everywhere in Salus: mirror of ledger/types/signing.py.
//
// WebCrypto is fast and accepts less than ZIP-215, so it may accept; what it refuses is asked again of the
// library that knows ZIP-215. So no crafted signature holds for a validator and not for a phone.
import { ed25519 } from "../vendor/noble-ed25519.js";

/**
 * Whether `signature` (64 bytes) is `publicKey`'s (32 bytes) on `message`. Never throws.
 * @param {Uint8Array} publicKey @param {Uint8Array} message @param {Uint8Array} signature
 * @returns {Promise<boolean>}
 */
export async function verifyEd25519(publicKey, message, signature) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  if (await webCryptoAccepts(publicKey, message, signature)) return true;
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: true });
  } catch {
    return false;
  }
}

async function webCryptoAccepts(publicKey, message, signature) {
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, signature, message);
  } catch {
    return false;
  }
}
