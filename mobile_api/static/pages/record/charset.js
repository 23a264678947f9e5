/**
 * DICOM text (PS3.3 C.12.1.1.2, PS3.5 6.1) in the file's own character set. A name that no table knows is read
 * as Latin-1, in which every byte is something.
 */
const SINGLE = {
  "ISO_IR 192": "utf-8", GB18030: "gb18030", GBK: "gbk", "ISO_IR 100": "iso-8859-1", "ISO_IR 101": "iso-8859-2",
  "ISO_IR 109": "iso-8859-3", "ISO_IR 110": "iso-8859-4", "ISO_IR 144": "iso-8859-5", "ISO_IR 127": "iso-8859-6",
  "ISO_IR 126": "iso-8859-7", "ISO_IR 138": "iso-8859-8", "ISO_IR 148": "iso-8859-9", "ISO_IR 203": "iso-8859-15",
  "ISO_IR 166": "windows-874", "ISO_IR 13": "shift_jis", "ISO_IR 6": "iso-8859-1",
};
const EXTENDED = { "ISO 2022 IR 58": "gb18030", "ISO 2022 IR 149": "euc-kr", "ISO 2022 IR 87": "iso-2022-jp" };
const ESCAPE = 0x1b;

/** The encoding of these bytes: with code extensions, that of the last set named once an escape occurs. */
function labelFor(sets, bytes) {
  const extended = sets.map((set) => EXTENDED[set]).findLast(Boolean);
  if (extended && bytes.includes(ESCAPE)) return extended;
  const [first] = sets;
  return SINGLE[first] ?? SINGLE[first.replace("ISO 2022 IR", "ISO_IR")] ?? "iso-8859-1";
}

/** Takes escapes like `ESC $ ) A` away, which say what the label says already. */
const withoutEscapes = (text) => text.replace(/\x1b[$()\-]*[A-Z]/g, "");

/** @param {Uint8Array} bytes @param {string} sets the value of SpecificCharacterSet (0008,0005) */
export function dicomText(bytes, sets) {
  const label = labelFor(sets.split("\\").map((set) => set.trim()), bytes);
  return withoutEscapes(new TextDecoder(label).decode(bytes)).replace(/[\0 ]+$/, "").trimStart();
}
