/** Settings: whether this very phone holds the keys. The choices are plain forms. */
import { config } from "../config.js";
import { byId, note, showError } from "../dom.js";
import { gettext } from "../i18n.js";
import { registerWorker } from "../shell.js";
import { missingKeys } from "./keys.js";

async function sayWhereKeysAre() {
  if (config.custody !== "self") return;
  const problem = await missingKeys();
  byId("device-note").replaceChildren(problem ? note("warn", problem.title, problem.next) : note("ok", gettext("This phone holds your keys.")));
}

registerWorker();
sayWhereKeysAre().catch((error) => showError(byId("device-note"), error));
