/** Transactions as this page signs them, on the ledger that the page is set to. */
import { makeBody, signTx } from "../ledger/tx.js";
import { config } from "./config.js";

const LIFE_MS = 24 * 3600 * 1000;

/** A body of that type; `now` in ms since 1970, by the server's clock where it was told. */
export const bodyOf = (type, { author, now }, own) =>
  makeBody(type, { ledger: config.ledger, author, issuedAt: now, lifeMs: LIFE_MS }, own);

/** The wire form of `body` as text, signed by `signer` as key `keyId`. */
export const signedWire = async (body, keyId, signer) => new TextDecoder().decode(await signTx(body, keyId, signer));
