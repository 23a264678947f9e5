/** Who looked: each line can be checked on this phone against the validators' signatures. */
import { busy, byId, showError } from "../dom.js";
import { follow, redraw } from "../live.js";
import { registerWorker } from "../shell.js";
import { inWords, proofNote } from "../proof.js";

byId("live").addEventListener("click", async (event) => {
  const button = event.target.closest("[data-proof]");
  if (!button) return;
  const place = button.parentElement.querySelector("[data-proof-result]");
  try {
    place.replaceChildren(await busy(button, () => proofNote(button.dataset.proof)));
  } catch (error) {
    showError(place, inWords(error));
  }
});

registerWorker();
follow((entries) => (entries.some((entry) => entry.kind === "access.opened") ? redraw() : undefined));
