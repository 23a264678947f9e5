/** Talking to our own server: JSON in, JSON out, one error type. */
import { config } from "./config.js";
import { gettext } from "./i18n.js";

/** What the server (or the network) refused: `message` is fit to be shown, `next` says what to do. */
class ApiError extends Error {
  /** @param {number} status @param {{code: string, message: string, next?: string}} error */
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.next = error.next ?? "";
  }
}

function unreachable() {
  return new ApiError(0, {
    code: "offline",
    message: gettext("Salus cannot be reached."),
    next: gettext("Check the connection and try again. Nothing was changed."),
  });
}

async function call(url, options) {
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin", ...options });
  } catch {
    throw unreachable();
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new ApiError(answer.status, body.error ?? {
    code: `http-${answer.status}`,
    message: gettext("Salus could not do this."),
    next: gettext("Reload the page and try again."),
  });
}

/** @param {string} url @returns {Promise<any>} */
export const getJson = async (url) => (await call(url, { headers: { Accept: "application/json" } })).json();

/** @param {string} url @param {unknown} body @returns {Promise<any>} */
export async function postJson(url, body) {
  const answer = await call(url, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": config.csrf },
    body: JSON.stringify(body),
  });
  return answer.status === 204 ? null : answer.json();
}

/** The ciphertext of one record, as a stream of bytes. @param {string} url @param {string} token */
export const getStream = async (url, token) =>
  call(url, { headers: { Authorization: `Bearer ${token}` } });
