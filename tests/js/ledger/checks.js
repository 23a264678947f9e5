// Each check runs one vector file against the page's modules and answers what differed, with how much it compared.
import * as bytes from "../../../mobile_api/static/ledger/bytes.js";
import * as canonical from "../../../mobile_api/static/ledger/canonical.js";
import * as did from "../../../mobile_api/static/ledger/did.js";
import * as handles from "../../../mobile_api/static/ledger/handles.js";
import * as light from "../../../mobile_api/static/ledger/light.js";
import * as lightBlock from "../../../mobile_api/static/ledger/light_block.js";
import * as merkle from "../../../mobile_api/static/ledger/merkle.js";
import * as proof from "../../../mobile_api/static/ledger/state_proof.js";
import * as tx from "../../../mobile_api/static/ledger/tx.js";
import { verifyEd25519 } from "../../../mobile_api/static/ledger/signing.js";
import { ed25519 } from "../../../mobile_api/static/vendor/noble-ed25519.js";

const { fromHex, utf8 } = bytes;
const hex = (value) => bytes.toHex(value).toLowerCase();

class Report {
  compared = 0;
  differences = [];
  same(what, actual, expected) {
    this.compared++;
    const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (left !== right) this.differences.push(`${what}: got ${left}, expected ${right}`);
  }
  /** `name` of the error that `run` throws, or "accepted". */
  async refused(what, name, run) {
    let outcome = "accepted";
    try {
      await run();
    } catch (error) {
      outcome = error.name;
    }
    this.same(what, outcome, name);
  }
}

const runs = {
  async canonical(report, vectors) {
    for (const { value, bytes: text } of vectors.good) {
      report.same(text, new TextDecoder().decode(canonical.jcs(value)), text);
      report.same(text, canonical.parseCanonical(utf8(text)), JSON.parse(text));
    }
    for (const text of vectors.refused) {
      await report.refused(text, "CanonicalError", () => canonical.parseCanonical(utf8(text)));
    }
    for (const bad of [1.5, NaN, 2 ** 53, undefined, 1n, new Date(0), new Map(), "\ud800", { "\udfff": 1 }]) {
      await report.refused(String(bad), "CanonicalError", () => canonical.jcs(bad));
    }
    await report.refused("not UTF-8", "CanonicalError", () => canonical.parseCanonical(fromHex("22ff22")));
    await report.refused("byte order mark", "CanonicalError", () => canonical.parseCanonical(fromHex("efbbbf31")));
    for (const { tag, parts, hash } of vectors.hashes) {
      report.same(tag, hex(await canonical.taggedHash(tag, ...parts.map(fromHex))), hash);
    }
    for (const text of vectors.refused_b64u) {
      await report.refused(text, "CanonicalError", () => canonical.b64uDecode(text));
    }
    await report.refused("31 bytes", "CanonicalError", () => canonical.b64uDecode("AAAA", 31));
  },

  async did(report, vectors) {
    for (const { keyset, did: expected } of vectors.keysets) {
      did.checkKeySet(keyset);
      report.same("did", await did.didOf(keyset), expected);
      const raw = (keys) => keys.map((key) => ({ ...key, public: canonical.b64uDecode(key.public) }));
      const recovery = fromHex(vectors.next.public);
      const made = await did.makeKeySet(raw(keyset.keys), raw(keyset.sealing), recovery);
      report.same("key set", made.keys, keyset.keys);
      report.same("sealing", made.sealing, keyset.sealing);
    }
    report.same("next", await did.nextCommitment(fromHex(vectors.next.public)), vectors.next.next);
    const { keyset } = vectors.keysets[0];
    const changes = [{ keys: [] }, { keys: [...keyset.keys, ...keyset.keys] }, { extra: 1 }, { next: "AA" }];
    for (const change of changes) {
      await report.refused("key set", "CanonicalError", () => did.checkKeySet({ ...keyset, ...change }));
    }
  },

  async tx(report, vectors) {
    for (const vector of vectors) {
      const { body, key, wire } = vector;
      const seed = fromHex(vector.seed);
      const signers = [await importSeed(seed), { sign: async (message) => ed25519.sign(message, seed) }];
      for (const signer of signers) {
        report.same(body.type, new TextDecoder().decode(await tx.signTx(body, key, signer)), wire);
      }
      report.same("signed bytes", hex(await bytes.sha256(tx.signedBytes(body))), vector.signed_bytes_sha256);
      report.same("hash", hex(await tx.txHash(utf8(wire))), vector.hash);
      const decoded = tx.decodeTx(utf8(wire));
      report.same("body", decoded.body, body);
      const valid = (message) => verifyEd25519(fromHex(vector.public), message, decoded.signature);
      report.same("signature", await valid(tx.signedBytes(body)), true);
      report.same("signature on another body", await valid(tx.signedBytes({ ...body, nonce: "x" })), false);
      await report.refused("extra field", "CanonicalError", () => tx.signTx({ ...body, extra: 1 }, key, signers[1]));
      await report.refused("spaces", "CanonicalError", () => tx.decodeTx(utf8(`${wire} `)));
    }
    await report.refused("unknown type", "CanonicalError", () => tx.makeBody("toString", {}, {}));
    const made = tx.makeBody(
      "ConsentRevoked",
      { ledger: "l", author: "a", issuedAt: 5, lifeMs: 7 },
      { consent: "c", subject: "a" },
    );
    report.same("window", [made.issued_at, made.not_after, made.version], [5, 12, 1]);
    report.same("fresh nonce", made.nonce !== tx.freshId() && canonical.b64uDecode(made.nonce, 16).length, 16);
  },

  async refused_tx(report, vectors) {
    for (const { what, wire } of vectors) await report.refused(what, "CanonicalError", () => tx.decodeTx(utf8(wire)));
  },

  async bytes(report, { votes, validators, headers }) {
    for (const { commit, entry, sign_bytes: expected } of votes) {
      report.same("vote", hex(lightBlock.voteSignBytes("salus-test", commit, entry)), expected);
    }
    for (const { validators: members, hash } of validators) {
      report.same("validators", hex(await lightBlock.validatorsHash(members)), hash);
      const decoded = await lightBlock.decodeGenesis({ chain_id: "x", genesis_time: "2026-01-01T00:00:00Z", validators: members.toReversed() });
      report.same("their order is worked out", decoded.nextValidators.hash.toLowerCase(), hash);
    }
    for (const { header, hash } of headers) report.same("header", hex(await lightBlock.headerHash(header)), hash);
  },

  async merkle(report, vectors) {
    for (const vector of vectors) {
      const leaves = vector.leaves.map(fromHex);
      const path = vector.path.map(fromHex);
      report.same("root", hex(await merkle.root(leaves)), vector.root);
      report.same("path", (await merkle.multiproof(leaves, vector.indices)).map(hex), vector.path);
      const chosen = await Promise.all(vector.indices.map((index) => merkle.leafHash(leaves[index])));
      const fold = (given) => merkle.rootFromMultiproof(leaves.length, vector.indices, chosen, given);
      report.same("multiproof", hex(await fold(path)), vector.root);
      await report.refused("left over", "MerkleError", () => fold([...path, fromHex(vector.root)]));
      if (path.length) await report.refused("too short", "MerkleError", () => fold(path.slice(1)));
      for (const [index, json] of vector.proofs.entries()) {
        const aunts = json.aunts.map(bytes.fromBase64);
        const given = { total: leaves.length, index, leafHash: bytes.fromBase64(json.leaf_hash), aunts };
        report.same("inclusion", await merkle.verifyInclusion(fromHex(vector.root), leaves[index], given), true);
        report.same("other leaf", await merkle.verifyInclusion(fromHex(vector.root), utf8("other"), given), false);
        const extra = { ...given, aunts: [...aunts, fromHex(vector.root)] };
        report.same("extra aunt", await merkle.verifyInclusion(fromHex(vector.root), leaves[index], extra), false);
      }
    }
    await report.refused("order", "MerkleError", () => merkle.rootFromMultiproof(3, [1, 0], [], []));
    await report.refused("outside", "MerkleError", () => merkle.rootFromMultiproof(3, [3], [utf8("")], []));
  },

  async handles(report, vectors) {
    const all = await Promise.all(vectors.records.map((record) => handles.handle(fromHex(vectors.salt), record)));
    report.same("handles", all.map(hex), vectors.handles);
    report.same("root", hex(await handles.handlesRoot(all)), vectors.root);
    const made = await handles.proveHandles(all, vectors.opened.map(fromHex).reverse());
    report.same("opened", made.handles.map(hex), vectors.opened);
    report.same("indices", made.indices, vectors.indices);
    report.same("path", made.path.map(hex), vectors.path);
    const covered = (given, size = all.length) => handles.handlesCovered(given, size, fromHex(vectors.root));
    report.same("covered", await covered(made), true);
    report.same("another size", await covered(made, 4), false);
    report.same("reversed", await covered({ ...made, handles: [...made.handles].reverse() }), false);
    report.same("foreign", await covered({ ...made, handles: [utf8("foreign"), ...made.handles.slice(1)] }), false);
    report.same("no path", await covered({ ...made, path: [] }), false);
    await report.refused("not covered", "RangeError", () => handles.proveHandles(all, [utf8("foreign")]));
    await report.refused("twice", "RangeError", () => handles.handlesRoot([all[0], all[0]]));
    const wraps = await Promise.all(vectors.wraps.map((wrap) => handles.wrapHash(fromHex(wrap))));
    report.same("wraps", await handles.wrapsHash(wraps), vectors.wraps_hash);
  },

  async state(report, vectors) {
    for (const { root, proofs } of vectors) {
      for (const each of proofs) await checkState(report, fromHex(root), utf8(each.key), each.value, fromHex(each.proof));
    }
  },

  async light(report, { trusted, bundle, expected, refused, state }) {
    const { body, hash, txHash, ...block } = await light.verifyBundle(bundle, trusted);
    report.same("block", [block.height, block.time, block.signed, block.total], Object.values(expected));
    report.same("body", body.type, "ConsentGranted");
    report.same("hash", hash, bundle.signed_header.commit.block_id.hash);
    for (const { key, value, proof: given } of state) {
      const shown = value === null ? null : utf8(value);
      const verify = (claim) => light.verifyState(bundle, trusted, utf8(key), claim, fromHex(given));
      report.same(key, (await verify(shown)).height, expected.height);
      await report.refused(key, "LightError", () => verify(utf8("forged")));
      await report.refused(key, "LightError", () => verify(shown === null ? utf8("v") : null));
    }
    for (const { what, rule, bundle: bad } of refused) {
      const outcome = await light.verifyBundle(bad, trusted).then(
        () => "accepted",
        (error) => (error instanceof light.LightError ? error.rule : error.message),
      );
      report.same(what, outcome, rule);
    }
  },
};

async function checkState(report, root, key, value, given) {
  const present = (claim) => proof.verifyPresence(root, key, claim, given);
  const absent = () => proof.verifyAbsence(root, key, given);
  if (value === null) {
    report.same("absent", await absent(), undefined);
    await report.refused("absent shown as present", "ProofError", () => present(utf8("v")));
  } else {
    report.same("present", await present(utf8(value)), undefined);
    await report.refused("another value", "ProofError", () => present(utf8("forged")));
    await report.refused("present shown as absent", "ProofError", absent);
  }
  await report.refused("another root", "ProofError", () => proof.verifyPresence(new Uint8Array(32), key, utf8("v"), given));
  await report.refused("absent elsewhere", "ProofError", () => proof.verifyAbsence(new Uint8Array(32), key, given));
  await report.refused("cut off", "ProofError", () => proof.verifyAbsence(root, key, given.subarray(0, given.length - 1)));
}

async function importSeed(seed) {
  const prefix = fromHex("302e020100300506032b657004220420");
  return crypto.subtle.importKey("pkcs8", bytes.concat(prefix, seed), "Ed25519", false, ["sign"]);
}

window.checks = async (name) => {
  const report = new Report();
  await runs[name](report, await (await fetch(`/vectors/ledger/${name}.json`)).json());
  return { compared: report.compared, differences: report.differences };
};

window.ics23 = async (vectors) => {
  const report = new Report();
  for (const { root, key, value, proof: given } of vectors) {
    const [place, shown] = [fromHex(key), value ? fromHex(value) : null];
    const check = shown
      ? proof.verifyPresence(fromHex(root), place, shown, fromHex(given))
      : proof.verifyAbsence(fromHex(root), place, fromHex(given));
    report.same(key, await check, undefined);
  }
  return { compared: report.compared, differences: report.differences };
};

window.cometbft = async ({ signed_header, validators, trusted }) => light.verifySignedHeader({ signed_header, validators }, trusted);
window.verifies = async (cases) =>
  Promise.all(cases.map(([key, message, signature]) => verifyEd25519(fromHex(key), fromHex(message), fromHex(signature))));
