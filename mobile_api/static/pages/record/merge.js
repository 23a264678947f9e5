/**
 * What several hospitals report alike becomes one entry that names them all. Pure: resources in, entries out.
 * Rules: two reports are one entry when they say the same thing in the same state (the caller's `key`); wordings that
 * differ all stay, each beside who says it; of one hospital's repeats of one wording the newest date is kept.
 */

/** What a concept is, for comparing: its first code, else its words. */
export function identity(concept) {
  const one = Array.isArray(concept) ? concept[0] : concept;
  const coding = one?.coding?.find(({ code }) => code);
  return coding ? `${coding.system ?? ""}|${coding.code}` : String(one?.text ?? "").trim().toLowerCase();
}

/**
 * @param {object[]} found resources, those to be read first in front
 * @param {{key: (item: object) => string, wording: (item: object) => string, date: (item: object) => string, source: (item: object) => string}} read
 *   `key` "" never merges
 * @returns {{item: object, wordings: {text: string, said: {source: string, date: string}[]}[]}[]}
 */
export function merged(found, read) {
  const entries = new Map();
  found.forEach((item, at) => {
    const key = read.key(item) || `#${at}`;
    if (!entries.has(key)) entries.set(key, { item, wordings: new Map() });
    const { wordings } = entries.get(key);
    const text = read.wording(item);
    if (!wordings.has(text)) wordings.set(text, new Map());
    const [said, source, date] = [wordings.get(text), read.source(item), read.date(item)];
    if (!said.has(source) || said.get(source) < date) said.set(source, date);
  });
  return [...entries.values()].map(({ item, wordings }) => ({
    item,
    wordings: [...wordings].map(([text, said]) => ({ text, said: [...said].map(([source, date]) => ({ source, date })) })),
  }));
}
