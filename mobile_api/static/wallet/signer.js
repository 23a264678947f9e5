// Ed25519 signing on a device: WebCrypto where it has Ed25519, @noble/curves where it has not.
// A signer is {public, sign(bytes)}; with WebCrypto its private key cannot be read, by us or by anyone.
import { ed25519 } from "../vendor/noble-ed25519.js";

export { verifyEd25519 } from "./_ledger.js";

/** @typedef {{public: Uint8Array, sign: (message: Uint8Array) => Promise<Uint8Array>}} Signer */

let supported;
/** Whether this browser's WebCrypto has Ed25519 (asked once). @returns {Promise<boolean>} */
export function hasWebCryptoEd25519() {
  supported ??= crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]).then(
    () => true,
    () => false,
  );
  return supported;
}

/** @param {CryptoKey} privateKey @param {Uint8Array} publicKey @returns {Signer} */
export function webCryptoSigner(privateKey, publicKey) {
  return {
    public: publicKey,
    sign: async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message)),
  };
}

/**
 * A signer over a seed that `withSeed` lends for one signature and then overwrites.
 * @param {(use: (seed: Uint8Array) => Uint8Array) => Promise<Uint8Array>} withSeed @returns {Signer}
 */
export function seedSigner(withSeed, publicKey) {
  return { public: publicKey, sign: (message) => withSeed((seed) => ed25519.sign(message, seed)) };
}
