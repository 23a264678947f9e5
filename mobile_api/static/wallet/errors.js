// What can go wrong in the wallet's rules and keys. `code` is stable; no message holds a key or a name.

/** Base of every refusal. */
class WalletError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A document from outside breaks its format: `place` is a path such as `$.dates.from`. */
export class Malformed extends WalletError {
  constructor(document, place, expected, actual) {
    super("malformed", `${document} at ${place}: expected ${expected}, got ${actual}`);
    Object.assign(this, { document, place, expected, actual });
  }
}

/** The sealing suite is not one of ours. */
export class UnknownSuite extends WalletError {
  constructor() {
    super("unknown_suite", "unknown sealing suite: use one from docs/formats.md section 5");
  }
}

/** Wrong key, wrong context or changed bytes; which one cannot be told, on purpose. */
export class CannotOpen extends WalletError {
  constructor(message = "it does not open: wrong key, wrong context or changed bytes") {
    super("cannot_open", message);
  }
}

/** A signature does not verify under the key that should have made it. */
export class Forged extends WalletError {
  constructor(message) {
    super("forged", message);
  }
}

/** A consent gives more than was asked in `field`. */
export class Wider extends WalletError {
  constructor(field) {
    super("wider", `the consent's ${field} goes beyond the request`);
    this.field = field;
  }
}

/** A narrowing leaves nothing to share in `field`: refuse the request instead. */
export class NothingLeft extends WalletError {
  constructor(field) {
    super("nothing_left", `nothing is left of ${field} after narrowing: refuse the request instead`);
    this.field = field;
  }
}

/** A credential does not show what it should; `reason` as in wallet/core/credential.py. */
export class CredentialRefused extends WalletError {
  constructor(reason, detail) {
    super("credential_refused", `credential refused (${reason}): ${detail}`);
    this.reason = reason;
  }
}

/**
 * The device's key store cannot do it. `code`: `unavailable` (no IndexedDB: private window or blocked storage),
 * `exists`, `missing`, `damaged`, `full`, `failed`.
 */
export class KeystoreError extends WalletError {}
