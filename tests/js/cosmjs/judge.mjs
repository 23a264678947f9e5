// Asks a validator everything that Comet38Client can ask, over one kind of connection, and prints what the
// client understood as one JSON object. What is asked for comes as JSON on stdin; what it should be is known
// to the test that started us. Bytes are printed as hex, big integers and times as text.
import {
  Comet38Client,
  connectComet,
  HttpBatchClient,
  HttpClient,
  isComet38Client,
  toRfc3339WithNanoseconds,
  WebsocketClient,
} from "@cosmjs/tendermint-rpc";
import { fromBase64, fromHex, toHex } from "@cosmjs/encoding";

const RPC = {
  http: (url) => new HttpClient(url),
  batch: (url) => new HttpBatchClient(url, { dispatchInterval: 5, batchSizeLimit: 20 }),
  websocket: (url) => new WebsocketClient(url.replace("http", "ws"), fail),
};

function fail(error) {
  console.error(error);
  process.exit(1);
}

function plain(name, value) {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Map) return Object.fromEntries(value);
  return value;
}

/** JSON.stringify asks a Date's toJSON before it asks us: times keep their nanoseconds this way. */
Date.prototype.toJSON = function () {
  return toRfc3339WithNanoseconds(this);
};

/** What the client says of an answer that is an error. */
async function refusal(promise) {
  return promise.then(
    (value) => ({ answered: value }),
    (error) => ({ refused: String(error.message) }),
  );
}

/** Every call whose answer does not change while we ask; in one go, so that a batch is a batch. */
async function reads(client, asked) {
  const { height, hash, key } = asked;
  const calls = {
    status: client.status(),
    health: client.health(),
    genesis: client.genesis(),
    abciInfo: client.abciInfo(),
    block: client.block(height),
    firstBlock: client.block(1),
    latestBlock: client.block(),
    blockResults: client.blockResults(height),
    blockchain: client.blockchain(1, height),
    commit: client.commit(height),
    latestCommit: client.commit(),
    validators: client.validators({ height, per_page: 3, page: 2 }),
    validatorsAll: client.validatorsAll(height),
    tx: client.tx({ hash: fromHex(hash), prove: true }),
    txSearch: client.txSearch({ query: asked.query, prove: true }),
    txSearchNewest: client.txSearch({ query: "tx.height>0", order_by: "desc", per_page: 2 }),
    txSearchAll: client.txSearchAll({ query: "did_registered EXISTS", per_page: 2 }),
    blockSearch: client.blockSearch({ query: `block.height=${height}` }),
    blockSearchAll: client.blockSearchAll({ query: `block.height<=${height}`, per_page: 1 }),
    present: client.abciQuery({ path: "/store", data: fromHex(key), prove: true }),
    absent: client.abciQuery({ path: "/store", data: fromHex(toHex(new TextEncoder().encode("did/nobody"))), prove: true }),
    numUnconfirmedTxs: client.numUnconfirmedTxs(),
    beyondTheEnd: refusal(client.block(height + 1_000_000)),
    unknownTx: refusal(client.tx({ hash: new Uint8Array(32) })),
    malformedQuery: refusal(client.txSearch({ query: "tx.height >" })),
    dateQuery: refusal(client.txSearch({ query: "did_registered.at > DATE 2026-01-01" })),
    pageTooFar: refusal(client.txSearch({ query: asked.query, page: 2 })),
  };
  return Object.fromEntries(await Promise.all(Object.entries(calls).map(async ([name, call]) => [name, await call])));
}

async function broadcasts(client, [sync, async_, commit, malformed]) {
  return {
    sync: await client.broadcastTxSync({ tx: sync }),
    async: await client.broadcastTxAsync({ tx: async_ }),
    commit: await client.broadcastTxCommit({ tx: commit }),
    malformed: await client.broadcastTxSync({ tx: malformed }),
  };
}

/** The next value of each stream that is wanted. */
function firstOf(stream, wanted = () => true) {
  return new Promise((resolve, reject) => {
    const subscription = stream.subscribe({
      next: (value) => {
        if (!wanted(value)) return;
        resolve(value);
        setTimeout(() => subscription.unsubscribe(), 0);
      },
      error: reject,
    });
  });
}

async function subscriptions(client, asked) {
  const has = (block) => block.txs.some((tx) => toHex(tx) === toHex(fromBase64(asked.told)));
  const all = firstOf(client.subscribeTx());
  const one = firstOf(client.subscribeTx(asked.toldQuery));
  const block = firstOf(client.subscribeNewBlock(), has);
  const header = firstOf(client.subscribeNewBlockHeader());
  await client.status(); // answers come in order: the subscriptions stand
  const [sent, ...heard] = await Promise.all([
    client.broadcastTxCommit({ tx: fromBase64(asked.told) }),
    all,
    one,
    block,
    header,
  ]);
  const bad = await firstOf(client.subscribeTx("this is no query")).then(() => "answered", (error) => String(error));
  const [anyTx, queriedTx, newBlock, newHeader] = heard;
  return { sent, anyTx, queriedTx, newBlock, newHeader, bad };
}

async function main() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const asked = JSON.parse(text);
  const rpc = RPC[asked.transport](asked.url);
  const client = Comet38Client.create(rpc);
  const answer = { reads: await reads(client, asked), broadcasts: await broadcasts(client, asked.fresh.map(fromBase64)) };
  if (asked.transport === "websocket") answer.subscriptions = await subscriptions(client, asked);
  if (asked.transport === "http") {
    const found = await connectComet(asked.url);
    answer.versionFound = isComet38Client(found);
    answer.connected = (await (await Comet38Client.connect(asked.url)).status()).nodeInfo.moniker;
  }
  client.disconnect();
  // The client connects its WebSocket anew after it was told to disconnect, and would keep us here for ever.
  process.stdout.write(`${JSON.stringify(answer, plain)}\n`, () => process.exit(0));
}

main().catch(fail);
