import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setup } from "../errors.js";
import { LEFT_OUT, ownPlace } from "../own-place.js";

const MODULE = "thread/writer-entry.js";

/** The module that a thread which writes runs. UNAVAILABLE when a bundler has taken this code away from it. */
export function entryUrl(): string {
  const place = ownPlace();
  const url = place === undefined ? undefined : new URL(MODULE, place);
  if (url !== undefined && existsSync(fileURLToPath(url))) return url.href;
  throw setup(
    `the module of the thread that writes (${MODULE}) is not beside this code, which has probably been bundled: ${LEFT_OUT}; thread: "inline" does without a thread`,
  );
}
