/**
 * The files in a ustar archive (IEEE 1003.1, pax): 512-byte headers, each followed by its file's bytes padded
 * to 512; an all-zero header ends it. Files are views of the archive's bytes, nothing is copied.
 */
const BLOCK = 512;
const NAME = [0, 100], SIZE = [124, 12], SUM = [148, 8], KIND = 156, MAGIC = [257, 5], PREFIX = [345, 155];

const field = (header, [at, length]) => String.fromCharCode(...header.subarray(at, at + length)).split("\0")[0];

/** Whether the bytes begin with a ustar header. @param {Uint8Array} bytes */
export const isArchive = (bytes) => bytes.length >= BLOCK && field(bytes, MAGIC) === "ustar";

/** The header's bytes added up, its own sum counted as blanks. */
function sumOf(header) {
  let sum = 0;
  for (let i = 0; i < BLOCK; i += 1) sum += i >= SUM[0] && i < SUM[0] + SUM[1] ? 32 : header[i];
  return sum;
}

/**
 * Each regular file in order. Throws RangeError when the archive is cut off or a header is wrong.
 * @param {Uint8Array} bytes @yields {{name: string, bytes: Uint8Array}}
 */
export function* filesIn(bytes) {
  let at = 0;
  for (;;) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.length < BLOCK) throw new RangeError("the archive is cut off");
    if (header.every((octet) => octet === 0)) return;
    const size = Number.parseInt(field(header, SIZE), 8);
    if (!isArchive(header) || parseInt(field(header, SUM), 8) !== sumOf(header) || !(size >= 0)) {
      throw new RangeError("the archive has a wrong header");
    }
    const from = at + BLOCK;
    if (from + size > bytes.length) throw new RangeError("the archive is cut off");
    const name = [field(header, PREFIX), field(header, NAME)].filter(Boolean).join("/");
    if (header[KIND] === 0 || header[KIND] === 48) yield { name, bytes: bytes.subarray(from, from + size) };
    at = from + Math.ceil(size / BLOCK) * BLOCK;
  }
}
