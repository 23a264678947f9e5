/** Reading a patient's code with the camera; typing always remains. */
import { decodeQR } from "../../vendor/qr.js";
import { gettext } from "../i18n.js";

const CODE = /^(?:salus:)?([0-9A-HJKMNP-TV-Z]{4})-?([0-9A-HJKMNP-TV-Z]{4})$/i;

/** The patient code in a scanned or typed text as XXXX-XXXX, or null. O reads as 0, I and L as 1. */
export function codeIn(text) {
  const plain = text.trim().toUpperCase().replace(/^SALUS:/, "").replaceAll("O", "0").replace(/[IL]/g, "1");
  const found = CODE.exec(plain);
  return found ? `${found[1]}-${found[2]}` : null;
}

class NoCamera extends Error {
  constructor(message) { super(message); this.next = gettext("Type the code instead."); }
}

async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) throw new NoCamera(gettext("This browser gives no access to a camera."));
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  } catch (error) {
    throw new NoCamera(error.name === "NotAllowedError" ? gettext("The camera is not allowed for this page.")
      : gettext("No camera was found."));
  }
}

function look(video, canvas) {
  if (!video.videoWidth) return null;
  const scale = Math.min(1, 640 / video.videoWidth);
  Object.assign(canvas, { width: video.videoWidth * scale, height: video.videoHeight * scale });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  try {
    return codeIn(decodeQR(context.getImageData(0, 0, canvas.width, canvas.height)));
  } catch {
    return null; // no code in this picture
  }
}

/**
 * Looks until a code is seen or `signal` is aborted (resolves to null then).
 * @param {HTMLVideoElement} video @param {AbortSignal} signal @returns {Promise<string|null>} @throws {NoCamera}
 */
export async function scanCode(video, signal) {
  const stream = await openCamera();
  const canvas = document.createElement("canvas");
  video.srcObject = stream;
  try {
    await video.play();
    while (!signal.aborted) {
      const code = look(video, canvas);
      if (code) return code;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    return null;
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  }
}
