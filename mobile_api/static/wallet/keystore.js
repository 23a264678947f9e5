// The device's keys, in IndexedDB. Signing keys are non-extractable CryptoKeys. Sealing seeds (and signing seeds
// where WebCrypto has no Ed25519) lie encrypted under a non-extractable AES-GCM key, in memory only while used.
// A key is made here once per slot, never derived, never overwritten; a slot is a name such as a DID.
import { ed25519 } from "../vendor/noble-ed25519.js";
import { utf8 } from "./_ledger.js";
import { forgetSealingKey, importSealingKey, publicFromSeed } from "./envelope.js";
import { KeystoreError } from "./errors.js";
import { hasWebCryptoEd25519, seedSigner, webCryptoSigner } from "./signer.js";

const STORES = ["wrapping", "signing", "sealing"];
const UNAVAILABLE = "this browser keeps no keys here: leave the private window, or allow this site to store data";

/**
 * Opens (or makes) the key store. `useWebCrypto: false` forces the fallback for browsers without Ed25519.
 * @throws {KeystoreError} `unavailable` where there is no IndexedDB or it refuses keys, as private windows do
 */
export async function openKeystore({ name = "salus-keys", useWebCrypto } = {}) {
  const database = await openDatabase(name);
  try {
    const wrapping = await wrappingKey(database);
    return new Keystore(database, wrapping, useWebCrypto ?? (await hasWebCryptoEd25519()));
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Asks the browser not to evict the keys; false when it may: show it, and nudge to back up. */
export async function requestPersistence() {
  if (!navigator.storage?.persist) return false;
  return (await navigator.storage.persisted()) || (await navigator.storage.persist());
}

class Keystore {
  #database;
  #wrapping;
  #useWebCrypto;

  constructor(database, wrapping, useWebCrypto) {
    this.#database = database;
    this.#wrapping = wrapping;
    this.#useWebCrypto = useWebCrypto;
  }

  /** Makes an Ed25519 key in `slot`; resolves to its 32 public bytes. Throws KeystoreError `exists`. */
  async createSigningKey(slot) {
    const made = this.#useWebCrypto ? await newWebCryptoKey() : await this.#newSeedKey(slot);
    await add(this.#database, "signing", { slot, ...made });
    return made.public;
  }

  /** A signer for the key in `slot`. @returns {Promise<import("./signer.js").Signer>} @throws {KeystoreError} `missing` */
  async signer(slot) {
    const found = await this.#get("signing", slot);
    if (found.privateKey) return webCryptoSigner(found.privateKey, found.public);
    return seedSigner((use) => this.#lend(`signing/${slot}`, found.seed, use), found.public);
  }

  /** Makes a sealing key in `slot` with that key id; resolves to {id, suite, public}. Throws KeystoreError `exists`. */
  async createSealingKey(slot, { id, suite }) {
    const seed = crypto.getRandomValues(new Uint8Array(32));
    try {
      const made = { id, suite, public: await publicFromSeed(suite, seed) };
      await add(this.#database, "sealing", { slot, ...made, seed: await this.#wrap(`sealing/${slot}`, seed) });
      return made;
    } finally {
      seed.fill(0);
    }
  }

  /** The public half of the sealing key in `slot`: {id, suite, public}. */
  async sealingPublic(slot) {
    const { id, suite, public: publicKey } = await this.#get("sealing", slot);
    return { id, suite, public: publicKey };
  }

  /** Runs `use(key)` with the imported sealing key of `slot`, then overwrites it. `key` is for openEnvelope. */
  async withSealingKey(slot, use) {
    const { id, suite, seed } = await this.#get("sealing", slot);
    return this.#lend(`sealing/${slot}`, seed, async (opened) => {
      const key = await importSealingKey({ id, suite, seed: opened });
      try {
        return await use(key);
      } finally {
        forgetSealingKey(key);
      }
    });
  }

  /** The slots that hold a key of that kind ("signing" or "sealing"), sorted. */
  slots(kind) {
    return run(this.#database, kind, "readonly", (store) => store.getAllKeys());
  }

  /** Destroys the keys in `slot`; what only they could open or sign is gone. */
  async remove(slot) {
    for (const kind of ["signing", "sealing"]) await run(this.#database, kind, "readwrite", (store) => store.delete(slot));
  }

  close() {
    this.#database.close();
  }

  async #newSeedKey(slot) {
    const seed = ed25519.utils.randomSecretKey();
    try {
      return { public: ed25519.getPublicKey(seed), seed: await this.#wrap(`signing/${slot}`, seed) };
    } finally {
      seed.fill(0);
    }
  }

  async #get(kind, slot) {
    const found = await run(this.#database, kind, "readonly", (store) => store.get(slot));
    if (!found) throw new KeystoreError("missing", `no ${kind} key on this device for that slot: set this device up, or recover`);
    return found;
  }

  async #wrap(place, seed) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const ct = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(place) }, this.#wrapping, seed);
    return { iv, ct: new Uint8Array(ct) };
  }

  async #unwrap(place, iv, ct) {
    const params = { name: "AES-GCM", iv, additionalData: utf8(place) };
    try {
      return new Uint8Array(await crypto.subtle.decrypt(params, this.#wrapping, ct));
    } catch {
      throw new KeystoreError("damaged", "a key on this device is damaged: set this device up again, or recover");
    }
  }

  async #lend(place, { iv, ct }, use) {
    const seed = await this.#unwrap(place, iv, ct);
    try {
      return await use(seed);
    } finally {
      seed.fill(0);
    }
  }
}

async function newWebCryptoKey() {
  const { privateKey, publicKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  return { privateKey, public: new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)) };
}

async function wrappingKey(database) {
  const read = () => run(database, "wrapping", "readonly", (store) => store.get("device"));
  const found = await read();
  if (found) return found.key;
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  try {
    await add(database, "wrapping", { slot: "device", key });
    return key;
  } catch (error) {
    if (error.code === "exists") return (await read()).key; // another tab was first
    throw error;
  }
}

function openDatabase(name) {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new KeystoreError("unavailable", UNAVAILABLE));
    let request;
    try {
      request = indexedDB.open(name, 1);
    } catch {
      fail(); // no indexedDB at all, or access denied
      return;
    }
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store, { keyPath: "slot" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = fail;
    request.onblocked = fail;
  });
}

function add(database, store, value) {
  return run(database, store, "readwrite", (objects) => objects.add(value));
}

function run(database, store, mode, act) {
  return new Promise((resolve, reject) => {
    let request;
    try {
      const transaction = database.transaction(store, mode, { durability: "strict" });
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(failure(transaction.error ?? request?.error));
      request = act(transaction.objectStore(store));
    } catch (error) {
      reject(failure(error));
    }
  });
}

function failure(error) {
  switch (error?.name) {
    case "ConstraintError":
      return new KeystoreError("exists", "there is a key in this slot already; keys are never overwritten");
    case "QuotaExceededError":
      return new KeystoreError("full", "this device has no room for keys: free some space and try again");
    case "DataCloneError":
      return new KeystoreError("unavailable", UNAVAILABLE);
    default:
      return new KeystoreError("failed", `the key store failed (${error?.name ?? "unknown"}): reload and try again`);
  }
}
