/**
 * DICOM pixels (PS3.3 C.7.6.3, C.11.1, C.11.2; PS3.5 8): from a file's bytes to grey or colour values to a
 * picture. Uncompressed 8 and 16 bit only; anything else is refused with its name.
 */
import dicomParser from "../../vendor/dicom-parser.js";
import { dicomText } from "./charset.js";

const LITTLE = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"];
const BIG = "1.2.840.10008.1.2.2";

/** `code`: "compressed", "kind" (pixels we do not draw) or "broken"; `detail` names what it was. */
export class PixelError extends Error {
  constructor(code, detail) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
  }
}

const numbers = (data, tag) => (data.string(tag) || "x").split("\\").map(Number).filter(Number.isFinite);

/** A text element in the file's own character set. */
function words(data, tag) {
  const element = data.elements[tag];
  if (!element) return "";
  return dicomText(data.byteArray.subarray(element.dataOffset, element.dataOffset + element.length), data.string("x00080005") ?? "");
}

/** How far along its series' axis a slice lies: ImagePositionPatient on the normal of ImageOrientationPatient. */
function positionOf(data) {
  const at = numbers(data, "x00200032"), [a, b, c, d, e, f] = numbers(data, "x00200037");
  if (at.length !== 3 || f === undefined) return 0;
  return at[0] * (b * f - c * e) + at[1] * (c * d - a * f) + at[2] * (a * e - b * d);
}

/** A frame's functional group macro (PS3.3 C.7.6.16): its own, else the shared one, else the data set itself. */
function macro(data, frame, tag) {
  const groups = [data.elements.x52009230?.items?.[frame], data.elements.x52009229?.items?.[0]];
  return groups.map((item) => item?.dataSet.elements[tag]?.items?.[0]?.dataSet).find(Boolean) ?? data;
}

/** A file's image, ready to be drawn frame by frame. @param {Uint8Array} bytes */
export function readImage(bytes) {
  let data;
  try {
    data = dicomParser.parseDicom(bytes);
  } catch (error) {
    throw new PixelError("broken", String(error?.exception ?? error?.message ?? "not DICOM"));
  }
  if (data.uint16("x00280010") === undefined) throw new PixelError("kind", data.string("x00080060") ?? "");
  const syntax = data.string("x00020010") ?? "";
  if (!LITTLE.includes(syntax) && syntax !== BIG) throw new PixelError("compressed", syntax || "?");
  const image = {
    bytes, data, swapped: syntax === BIG,
    rows: data.uint16("x00280010"), columns: data.uint16("x00280011"),
    bits: data.uint16("x00280100"), stored: data.uint16("x00280101") ?? data.uint16("x00280100"),
    signed: data.uint16("x00280103") === 1, samples: data.uint16("x00280002") ?? 1,
    planar: data.uint16("x00280006") === 1, kind: data.string("x00280004") ?? "MONOCHROME2",
    frames: data.intString("x00280008") ?? 1,
    series: data.string("x0020000e") ?? "", seriesNumber: data.intString("x00200011") ?? 0,
    instance: data.intString("x00200013") ?? 0, position: positionOf(data),
    modality: data.string("x00080060") ?? "", description: words(data, "x0008103e") || words(data, "x00081030"),
    date: data.string("x00080020") ?? "",
  };
  return check(image);
}

function check(image) {
  const element = image.data.elements.x7fe00010;
  const colour = image.kind === "RGB" && image.samples === 3 && image.bits === 8;
  const grey = image.kind.startsWith("MONOCHROME") && image.samples === 1 && [8, 16].includes(image.bits);
  if (!colour && !grey) throw new PixelError("kind", `${image.kind} ${image.bits} bit`);
  const expected = image.rows * image.columns * image.samples * (image.bits / 8) * image.frames;
  if (!element || !expected || element.length < expected) throw new PixelError("broken", "pixel data too short");
  return Object.freeze({ ...image, colour, offset: element.dataOffset });
}

/** One frame's stored values after the rescale, as numbers (Hounsfield units for CT). */
export function frameValues(image, frame) {
  const count = image.rows * image.columns;
  const view = new DataView(image.bytes.buffer, image.bytes.byteOffset + image.offset + frame * count * (image.bits / 8));
  const values = new Float32Array(count);
  const shift = 32 - image.stored;
  const rescale = macro(image.data, frame, "x00289145");
  const slope = rescale.floatString("x00281053") ?? 1, intercept = rescale.floatString("x00281052") ?? 0;
  for (let i = 0; i < count; i += 1) {
    const raw = image.bits === 16 ? view.getUint16(i * 2, !image.swapped) : view.getUint8(i);
    const stored = image.signed ? (raw << shift) >> shift : (raw << shift) >>> shift;
    values[i] = stored * slope + intercept;
  }
  return values;
}

/** The window to begin with: the file's own, else all that occurs in the frame. */
export function firstWindow(image, frame, values) {
  const voi = macro(image.data, frame, "x00289132");
  const [center] = numbers(voi, "x00281050"), [width] = numbers(voi, "x00281051");
  if (center !== undefined && width !== undefined) return { center, width: Math.max(1, width) };
  let low = Infinity, high = -Infinity;
  for (const value of values) { if (value < low) low = value; if (value > high) high = value; }
  return { center: (low + high) / 2, width: Math.max(1, high - low) };
}

/** Grey values through the linear window of C.11.2.1.2.1 into RGBA. */
export function paintGrey(values, target, { center, width }, inverted) {
  const low = center - 0.5 - (width - 1) / 2;
  const scale = 255 / Math.max(1, width - 1);
  for (let i = 0; i < values.length; i += 1) {
    let grey = (values[i] - low) * scale;
    grey = grey < 0 ? 0 : grey > 255 ? 255 : grey;
    if (inverted) grey = 255 - grey;
    target[i * 4] = target[i * 4 + 1] = target[i * 4 + 2] = grey;
    target[i * 4 + 3] = 255;
  }
}

/** RGB samples, interleaved or in planes, into RGBA. */
export function paintColour(image, frame, target) {
  const count = image.rows * image.columns;
  const from = image.bytes.subarray(image.offset + frame * count * 3, image.offset + (frame + 1) * count * 3);
  for (let i = 0; i < count; i += 1) {
    for (let sample = 0; sample < 3; sample += 1) {
      target[i * 4 + sample] = image.planar ? from[sample * count + i] : from[i * 3 + sample];
    }
    target[i * 4 + 3] = 255;
  }
}
