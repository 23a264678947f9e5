/**
 * CT and MR slices on a canvas, series by series: scroll through them with the wheel or the slider, drag to move the
 * window, or read why one cannot be drawn. Each record is an archive of DICOM files; a file's frames are slices.
 */
import { el, note } from "../dom.js";
import { gettext, interpolate } from "../i18n.js";
import { filesIn } from "./archive.js";
import { PixelError, firstWindow, frameValues, paintColour, paintGrey, readImage } from "./pixels.js";

const PRESETS = () => [
  [gettext("Soft tissue"), { center: 40, width: 400 }], [gettext("Lung"), { center: -600, width: 1500 }],
  [gettext("Bone"), { center: 400, width: 1800 }],
];
const WHEEL_PIXELS = 40; // of wheel travel for one slice

/** Why an image cannot be drawn, in words. */
function refusal({ code, detail }) {
  if (code === "compressed") {
    return note("warn", gettext("This image is compressed."),
      interpolate(gettext("This page draws uncompressed images only (transfer syntax %(name)s)."), { name: detail }));
  }
  if (code === "kind") return note("warn", gettext("This kind of image cannot be drawn here."), detail);
  return note("bad", gettext("This image is damaged and is not shown."), "");
}

const inOrder = (a, b) => a.image.instance - b.image.instance || a.image.position - b.image.position || a.frame - b.frame;
const seriesInOrder = (a, b) => a.image.date.localeCompare(b.image.date) || a.image.seriesNumber - b.image.seriesNumber;

export class ImageStack {
  #archives = [];
  #series = new Map();
  #slices = [];
  #refused = new Set();
  #values = null;
  #window = null;
  #at = 0;
  #travel = 0;
  #canvas = el("canvas", { role: "img", "aria-label": gettext("Scan image") });
  #caption = el("p", { class: "quiet" });
  #notes = el("div");
  #choice = el("select", { onchange: () => this.#choose(this.#choice.value) });
  #chooser = el("label", {}, gettext("Series"), this.#choice);
  #scroll = this.#slider(gettext("Slice"), (value) => this.#show(value));
  #center = this.#slider(gettext("Brightness (window level)"), (value) => this.#setWindow({ center: value }));
  #width = this.#slider(gettext("Contrast (window width)"), (value) => this.#setWindow({ width: value }));
  #presets = el("div", { class: "row" });

  constructor() {
    const controls = el("div", {}, this.#caption, this.#chooser, this.#scroll.label, this.#center.label,
      this.#width.label, this.#presets);
    this.element = el("div", {}, this.#notes, el("div.imaging", {}, el("div.viewer", {}, this.#canvas), controls));
    this.#presets.append(...PRESETS().map(([name, window]) => el("button", {
      type: "button", class: "outline", onclick: () => this.#setWindow(window) }, name)));
    this.#dragging();
    this.#canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** Takes one record: an archive of DICOM files. A file that cannot be drawn leaves a note. @param {Uint8Array} bytes */
  add(bytes) {
    this.#archives.push(bytes);
    try {
      for (const file of filesIn(bytes)) this.#take(file.bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#refuse(new PixelError("broken", error.message));
    }
    for (const slices of this.#series.values()) slices.sort(inOrder);
    this.#fillChoice();
    const first = this.#choice.options[0]?.value;
    if (this.#slices.length) this.#show(Math.min(this.#at, this.#slices.length - 1));
    else if (first) this.#choose(first);
    else this.#controls();
    return this;
  }

  #take(bytes) {
    try {
      const image = readImage(bytes);
      if (!this.#series.has(image.series)) this.#series.set(image.series, []);
      const slices = this.#series.get(image.series);
      for (let frame = 0; frame < image.frames; frame += 1) slices.push({ image, frame });
    } catch (error) {
      if (!(error instanceof PixelError)) throw error;
      this.#refuse(error);
    }
  }

  /** One note for each reason, however many files share it. */
  #refuse(error) {
    const reason = error.code === "broken" ? error.code : `${error.code} ${error.detail}`;
    if (!this.#refused.has(reason)) this.#notes.append(refusal(error));
    this.#refused.add(reason);
  }

  #fillChoice() {
    const all = [...this.#series].map(([uid, slices]) => ({ uid, slices, image: slices[0].image })).sort(seriesInOrder);
    const chosen = this.#choice.value;
    this.#choice.replaceChildren(...all.map(({ uid, slices, image }) => el("option", { value: uid },
      [image.modality, image.description, slices.length].filter(Boolean).join(" · "))));
    if (this.#series.has(chosen)) this.#choice.value = chosen;
  }

  #choose(series) {
    this.#choice.value = series;
    this.#slices = this.#series.get(series);
    this.#window = null;
    this.#show(Math.floor(this.#slices.length / 2));
  }

  #controls() {
    const slice = this.#slices[this.#at];
    this.element.querySelector(".imaging").hidden = !slice;
    for (const part of [this.#center.label, this.#width.label]) part.hidden = !slice || slice.image.colour;
    this.#presets.hidden = slice?.image.modality !== "CT";
    this.#chooser.hidden = this.#series.size < 2;
    this.#scroll.label.hidden = this.#slices.length < 2;
    Object.assign(this.#scroll.input, { min: 0, max: Math.max(0, this.#slices.length - 1), step: 1 });
    this.#scroll.input.value = this.#at;
  }

  #show(at) {
    this.#at = at;
    const { image, frame } = this.#slices[at];
    Object.assign(this.#canvas, { width: image.columns, height: image.rows });
    this.#values = image.colour ? null : frameValues(image, frame);
    if (this.#values && !this.#window) this.#setRanges(firstWindow(image, frame, this.#values));
    this.#caption.textContent = [image.modality, image.description,
      interpolate(gettext("%(n)s of %(all)s"), { n: at + 1, all: this.#slices.length })].filter(Boolean).join(" · ");
    this.#controls();
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
    this.#canvas.addEventListener("pointerdown", (event) => this.#canvas.setPointerCapture(event.pointerId));
    this.#canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons || !this.#window) return;
      this.#setWindow({ center: this.#window.center + event.movementY * 2,
        width: Math.max(1, this.#window.width + event.movementX * 4) });
    });
  }

  /** The wheel turns slices; a wheel's notch and a touchpad's glide come out alike. */
  #wheel(event) {
    if (this.#slices.length < 2 || event.ctrlKey) return;
    event.preventDefault();
    this.#travel += event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * WHEEL_PIXELS;
    const steps = Math.trunc(this.#travel / WHEEL_PIXELS);
    if (!steps) return;
    this.#travel = 0;
    this.#show(Math.max(0, Math.min(this.#slices.length - 1, this.#at + Math.sign(steps))));
  }

  #slider(title, change) {
    const input = el("input", { type: "range", oninput: () => change(Number(input.value)) });
    return { input, label: el("label", {}, title, input) };
  }

  /** Overwrites the pixels and the canvas. */
  clear() {
    for (const bytes of this.#archives) bytes.fill(0);
    this.#values?.fill(0);
    this.#canvas.width = this.#canvas.height = 1;
    this.#archives = [];
    this.#slices = [];
    this.#series.clear();
    this.element.remove();
  }
}
