/** Asking for the PIN in a dialog. The PIN lives only in the field and in the one call that needs it. */
import { byId } from "../dom.js";

/** Resolves to the PIN, or null when the person cancels. @returns {Promise<string|null>} */
export function askPin() {
  const dialog = byId("pin-dialog");
  const form = byId("pin-form");
  const field = form.elements.pin;
  field.value = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    const done = (pin) => {
      field.value = "";
      form.onsubmit = dialog.oncancel = form.querySelector("[data-cancel]").onclick = null;
      dialog.close();
      resolve(pin);
    };
    form.onsubmit = (event) => { event.preventDefault(); done(field.value); };
    form.querySelector("[data-cancel]").onclick = () => done(null);
    dialog.oncancel = (event) => { event.preventDefault(); done(null); };
  });
}
