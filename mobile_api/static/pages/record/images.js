/** CT and MR slices on a canvas: scroll through them, move the window, or read why one cannot be drawn. */
import { el, note } from "../dom.js";
import { gettext, interpolate } from "../i18n.js";
import { PixelError, firstWindow, frameValues, paintColour, paintGrey, readImage } from "./pixels.js";

const PRESETS = () => [
  [gettext("Soft tissue"), { center: 40, width: 400 }], [gettext("Lung"), { center: -600, width: 1500 }],
  [gettext("Bone"), { center: 400, width: 1800 }],
];

/** Whether the bytes are a DICOM Part 10 file. */
export const isDicom = (bytes) => bytes.length > 132 && String.fromCharCode(...bytes.subarray(128, 132)) === "DICM";

/** Why an image cannot be drawn, in words. */
function refusal(error) {
  if (error.code === "compressed") {
    return note("warn", gettext("This image is compressed."),
      interpolate(gettext("This page draws uncompressed images only (transfer syntax %(name)s)."), { name: error.detail }));
  }
  if (error.code === "kind") {
    return note("warn", gettext("This kind of image cannot be drawn here."), error.detail);
  }
  return note("bad", gettext("This image is damaged and is not shown."), "");
}

export class ImageStack {
  #slices = [];
  #values = null;
  #window = null;
  #at = 0;
  #canvas = el("canvas", { role: "img", "aria-label": gettext("Scan image") });
  #caption = el("p", { class: "quiet" });
  #notes = el("div");
  #scroll = this.#slider(gettext("Slice"), (value) => this.#show(value));
  #center = this.#slider(gettext("Brightness (window level)"), (value) => this.#setWindow({ center: value }));
  #width = this.#slider(gettext("Contrast (window width)"), (value) => this.#setWindow({ width: value }));
  #presets = el("div", { class: "row" });

  constructor() {
    this.element = el("div", {}, this.#notes, el("div.viewer", {}, this.#canvas), this.#caption, this.#scroll.label,
      this.#center.label, this.#width.label, this.#presets);
    this.#presets.append(...PRESETS().map(([name, window]) => el("button", {
      type: "button", class: "outline", onclick: () => this.#setWindow(window) }, name)));
    this.#dragging();
  }

  /** Takes one file; a file that cannot be drawn leaves a note. */
  add(bytes) {
    try {
      const image = readImage(bytes);
      for (let frame = 0; frame < image.frames; frame += 1) this.#slices.push({ image, frame });
      this.#slices.sort((a, b) => a.image.series.localeCompare(b.image.series)
        || a.image.instance - b.image.instance || a.frame - b.frame);
      this.#show(Math.floor(this.#slices.length / 2));
    } catch (error) {
      if (!(error instanceof PixelError)) throw error;
      this.#notes.append(refusal(error));
    }
    this.#controls();
    return this;
  }

  #controls() {
    const slice = this.#slices[this.#at];
    this.#canvas.hidden = !slice;
    for (const part of [this.#center.label, this.#width.label]) part.hidden = !slice || slice.image.colour;
    this.#presets.hidden = slice?.image.modality !== "CT";
    this.#scroll.label.hidden = this.#slices.length < 2;
    Object.assign(this.#scroll.input, { min: 0, max: Math.max(0, this.#slices.length - 1), step: 1 });
    this.#scroll.input.value = this.#at;
  }

  #show(at) {
    this.#at = at;
    const { image, frame } = this.#slices[at];
    Object.assign(this.#canvas, { width: image.columns, height: image.rows });
    this.#values = image.colour ? null : frameValues(image, frame);
    if (this.#values && !this.#window) this.#setRanges(firstWindow(image, this.#values));
    this.#caption.textContent = [image.modality, image.description,
      interpolate(gettext("%(n)s of %(all)s"), { n: at + 1, all: this.#slices.length })].filter(Boolean).join(" · ");
    this.#paint();
  }

  #setRanges(window) {
    this.#window = window;
    Object.assign(this.#center.input, { min: window.center - 2000, max: window.center + 2000, step: 1 });
    Object.assign(this.#width.input, { min: 1, max: Math.max(4000, window.width * 2), step: 1 });
    this.#setWindow(window);
  }

  #setWindow(change) {
    if (!this.#window) return;
    this.#window = { ...this.#window, ...change };
    this.#center.input.value = this.#window.center;
    this.#width.input.value = this.#window.width;
    this.#paint();
  }

  #paint() {
    const slice = this.#slices[this.#at];
    if (!slice) return;
    const context = this.#canvas.getContext("2d");
    const picture = context.createImageData(slice.image.columns, slice.image.rows);
    if (slice.image.colour) paintColour(slice.image, slice.frame, picture.data);
    else paintGrey(this.#values, picture.data, this.#window, slice.image.kind === "MONOCHROME1");
    context.putImageData(picture, 0, 0);
  }

  /** Dragging over the picture moves the window, as on a reading station. */
  #dragging() {
    this.#canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons || !this.#window) return;
      this.#setWindow({ center: this.#window.center + event.movementY * 2,
        width: Math.max(1, this.#window.width + event.movementX * 4) });
    });
  }

  #slider(title, change) {
    const input = el("input", { type: "range", oninput: () => change(Number(input.value)) });
    return { input, label: el("label", {}, title, input) };
  }

  /** Overwrites the pixels and the canvas. */
  clear() {
    for (const { image } of this.#slices) image.bytes.fill(0);
    this.#values?.fill(0);
    this.#canvas.width = this.#canvas.height = 1;
    this.#slices = [];
    this.element.remove();
  }
}
